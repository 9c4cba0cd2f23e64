-- Fields for which a delivery declares Fehlanzeige: codes, joined by commas. NULL: stored before this was kept.

ALTER TABLE submission ADD COLUMN nil_fields VARCHAR;
