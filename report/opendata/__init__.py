"""Open data: the published figures as files that other programs read. Same numbers and digits as on the pages."""
