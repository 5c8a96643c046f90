-- What people have read of an answer whose turn is not over, by the message whose turn it is: all its blocks as the model wrote
-- them, how many they are, what the model was told, and which messages that was (JSON, that one last). Gone with the turn.
CREATE TABLE said (
    inbound INTEGER PRIMARY KEY, text TEXT NOT NULL, blocks INTEGER NOT NULL, told TEXT NOT NULL, rows TEXT NOT NULL
);
