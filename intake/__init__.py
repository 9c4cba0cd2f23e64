"""From a delivered file to checked observations, and the answer to its sender. The only room that opens deliveries."""
