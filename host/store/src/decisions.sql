-- What led to the decision about a message, and the conversation that may be told of it later.
ALTER TABLE inbound ADD COLUMN steps TEXT;
ALTER TABLE inbound ADD COLUMN heard_in TEXT;
CREATE INDEX inbound_heard ON inbound (channel, account, heard_in, id) WHERE heard_in IS NOT NULL;
