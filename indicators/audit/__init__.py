"""The attacker in the house: recovers suppressed numbers from what is published, sharing no code with the protection."""
