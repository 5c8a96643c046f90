//! Cuts a byte stream into server-sent events (WHATWG HTML §9.2.6), whatever way it arrives. Owns the framing and its
//! bound; it never looks into the data. `id`, `event` and `retry` are ignored: this dialect says everything in `data`.

/// The most that one event may hold. Beyond it the answer is given up.
pub(crate) const MAX_EVENT: usize = 1 << 20;

/// An event is longer than [`MAX_EVENT`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// The state between two pushes.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// The `data` lines of an event whose end has not come, joined by newlines.
    data: Vec<u8>,
    has_data: bool,
}

impl Events {
    /// Feeds bytes and calls `on_event` with the data of each event that they complete, until it fails.
    pub(crate) fn push<E>(
        &mut self,
        mut bytes: &[u8],
        mut on_event: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Result<(), E>, TooLong> {
        if !self.line.is_empty() {
            let Some(end) = newline(bytes) else { return self.keep(bytes).map(Ok) };
            let (first, rest) = bytes.split_at(end);
            self.keep(first)?;
            bytes = rest.get(1..).unwrap_or_default();
            let line = std::mem::take(&mut self.line);
            if let Err(error) = self.line(&line, false, &mut on_event)? {
                return Ok(Err(error));
            }
        }
        while let Some(end) = newline(bytes) {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            // An event of one line, which is every event of most servers, is handed on without a copy.
            let blank_follows = bytes.starts_with(b"\n") || bytes.starts_with(b"\r\n");
            if let Err(error) = self.line(line, blank_follows, &mut on_event)? {
                return Ok(Err(error));
            }
        }
        self.keep(bytes).map(Ok)
    }

    /// Feeds the end of the stream: an event that lacks its blank line is taken for whole.
    pub(crate) fn finish<E>(
        &mut self,
        on_event: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Result<(), E>, TooLong> {
        self.push(b"\n\n", on_event)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + self.data.len() + bytes.len() > MAX_EVENT {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn line<E>(
        &mut self,
        line: &[u8],
        blank_follows: bool,
        on_event: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Result<(), E>, TooLong> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            if !std::mem::take(&mut self.has_data) {
                return Ok(Ok(()));
            }
            let mut data = std::mem::take(&mut self.data);
            let outcome = on_event(&data);
            data.clear();
            self.data = data;
            return Ok(outcome);
        }
        let Some(data) = line.strip_prefix(b"data:") else { return Ok(Ok(())) };
        let data = data.strip_prefix(b" ").unwrap_or(data);
        if self.data.len() + data.len() > MAX_EVENT {
            return Err(TooLong);
        }
        if blank_follows && !self.has_data {
            return Ok(on_event(data));
        }
        if self.has_data {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(data);
        self.has_data = true;
        Ok(Ok(()))
    }
}

fn newline(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let mut events = Events::default();
        let mut seen = Vec::new();
        let mut collect = |data: &[u8]| {
            seen.push(String::from_utf8(data.to_vec()).unwrap());
            Ok::<(), ()>(())
        };
        for piece in pieces {
            events.push(piece, &mut collect).unwrap().unwrap();
        }
        events.finish(&mut collect).unwrap().unwrap();
        seen
    }

    const STREAM: &[u8] = b": hello\r\nid: 1\ndata: one\n\nevent: x\r\ndata:two\r\ndata:  lines\r\n\r\n\n\ndata: \"\xc3\xa9\"\n\ndata\n\nretry: 3\n\ndata: [DONE]";

    #[test]
    fn reads_what_servers_send() {
        assert_eq!(events(&[STREAM]), ["one", "two\n lines", "\"é\"", "[DONE]"]);
    }

    #[test]
    fn any_cut_gives_the_same_events() {
        let whole = events(&[STREAM]);
        for first in 0..STREAM.len() {
            for second in first..STREAM.len() {
                let pieces = [&STREAM[..first], &STREAM[first..second], &STREAM[second..]];
                assert_eq!(events(&pieces), whole, "cut at {first} and {second}");
            }
        }
        let single: Vec<&[u8]> = STREAM.chunks(1).collect();
        assert_eq!(events(&single), whole);
    }

    #[test]
    fn an_endless_line_is_given_up() {
        let mut events = Events::default();
        let piece = vec![b'x'; 1 << 16];
        let mut pushed = 0;
        let ended = loop {
            pushed += piece.len();
            match events.push(&piece, |_| Ok::<(), ()>(())) {
                Ok(_) => assert!(pushed <= MAX_EVENT),
                Err(error) => break error,
            }
        };
        assert_eq!(ended, TooLong);
        let lines = b"data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n".repeat(40_000);
        assert_eq!(Events::default().push(&lines, |_| Ok::<(), ()>(())), Err(TooLong));
    }
}
