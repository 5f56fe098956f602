-- What a checkout was opened for, price, quantity and all: the same wish again
-- gets the same page, another one ends it. NULL: opened before this was kept.
ALTER TABLE checkout_sessions ADD COLUMN order_digest text;
