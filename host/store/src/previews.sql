-- The one message that shows an answer while it is written, by the message that it answers; gone with the turn.
-- state: sending (it may be visible, and nobody knows its id) | shown
CREATE TABLE previews (inbound INTEGER PRIMARY KEY, state TEXT NOT NULL, message_id TEXT);
-- The vendor's id of the message that this part takes the place of.
ALTER TABLE outbox ADD COLUMN edits TEXT;
