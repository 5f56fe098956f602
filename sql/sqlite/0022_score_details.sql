-- Why an audit's score is what it is.

-- Its grade, and what each test of the score has cost and earned. NULL: no score, or one of before this column.
ALTER TABLE audits ADD COLUMN score_details TEXT CHECK (score_details IS NULL OR json_valid(score_details));
