-- A message that was not answered by a turn of its own: the message whose turn it was, and what became of it there.
ALTER TABLE inbound ADD COLUMN turn INTEGER;
ALTER TABLE inbound ADD COLUMN ended TEXT;
