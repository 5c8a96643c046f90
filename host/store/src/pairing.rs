//! Owns pending pairing requests, the senders that were let in, and the owner. Codes and limits come from the caller.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::inbound::close_decision;
use crate::outbox::insert_draft;
use crate::row::{account, json, text};
use crate::writer::Ledger;
use crate::{
    AccountKey, Approved, Decision, NewPairing, PairingMeta, PairingOutcome, PairingRequest, PairingRules,
    Store, StoreError, Verdict,
};

impl Store {
    /// Answers an undecided message of an unknown sender: files the request and enqueues its reply, or refreshes the
    /// request that is pending, or stays silent because too many are. The message is closed in the same transaction,
    /// unless the code is taken.
    ///
    /// # Errors
    /// `Conflict` when the message was decided before.
    pub async fn request_pairing(
        &self,
        ask: NewPairing,
        rules: PairingRules,
        now: i64,
    ) -> Result<PairingOutcome, StoreError> {
        let meta = text(&ask.meta)?;
        let work = move |ledger: &Ledger<'_>| {
            let outcome =
                file_request(ledger.sql, &ask, &meta, rules, now).map_err(|error| ledger.fail(error))?;
            let reason = match outcome {
                PairingOutcome::CodeTaken => return Ok(outcome),
                PairingOutcome::Created => "pairing request",
                PairingOutcome::Refreshed => "pairing request is pending",
                PairingOutcome::Full => "too many pairing requests are pending",
            };
            let decision = Decision {
                verdict: Verdict::Drop,
                reason: reason.to_owned(),
                steps: ask.steps.clone(),
                heard_in: None,
            };
            close_decision(ledger, ask.inbound, &decision, now)?;
            if outcome == PairingOutcome::Created {
                insert_draft(ledger, &ask.reply, now)?;
            }
            Ok(outcome)
        };
        self.writer.write(work).await
    }

    /// Requests that have not expired, oldest first; of one channel or of all.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn pairing_requests(
        &self,
        channel: Option<&str>,
        rules: PairingRules,
        now: i64,
    ) -> Result<Vec<PairingRequest>, StoreError> {
        let channel = channel.map(str::to_owned);
        let work = move |sql: &Connection| {
            sql.prepare_cached(
                "SELECT * FROM pairing_requests WHERE (?1 IS NULL OR channel = ?1) AND created_at > ?2 \
                 ORDER BY created_at, sender",
            )?
            .query_map(params![channel, now - rules.ttl_ms], pairing_row)?
            .collect()
        };
        self.readers.read(work).await
    }

    /// Lets in whoever was given `code`. With `bootstrap_owner`, the first approval ever makes the sender the owner.
    /// `None`: no such pending request.
    ///
    /// # Errors
    /// When nothing could be written.
    pub async fn approve(
        &self,
        channel: &str,
        account: Option<&str>,
        code: &str,
        bootstrap_owner: bool,
        rules: PairingRules,
        now: i64,
    ) -> Result<Option<Approved>, StoreError> {
        let (channel, account) = (channel.to_owned(), account.map(str::to_owned));
        let code = code.to_owned();
        let work = move |ledger: &Ledger<'_>| {
            let request = ledger.sql
                .prepare_cached(
                    "SELECT * FROM pairing_requests WHERE channel = ?1 AND (?2 IS NULL OR account = ?2) AND code = ?3 \
                     AND created_at > ?4",
                )?
                .query_row(params![channel, account, code, now - rules.ttl_ms], pairing_row)
                .optional()?;
            match request {
                Some(request) => let_in(ledger.sql, request, bootstrap_owner, now),
                None => Ok(None),
            }
        };
        self.writer.write(move |ledger| work(ledger).map_err(|error| ledger.fail(error))).await
    }

    /// Lets in the sender of this request, as [`Store::approve`] does. `None`: it is not pending any more; a later one
    /// of the same sender is another request.
    ///
    /// # Errors
    /// When nothing could be written.
    pub async fn approve_request(
        &self,
        request: &PairingRequest,
        bootstrap_owner: bool,
        now: i64,
    ) -> Result<Option<Approved>, StoreError> {
        let request = request.clone();
        let work = move |ledger: &Ledger<'_>| {
            let_in(ledger.sql, request, bootstrap_owner, now).map_err(|error| ledger.fail(error))
        };
        self.writer.write(work).await
    }

    /// Drops this request; its sender may make another. `false`: it is not pending any more.
    ///
    /// # Errors
    /// When nothing could be written.
    pub async fn dismiss_request(&self, request: &PairingRequest) -> Result<bool, StoreError> {
        let request = request.clone();
        let work = move |ledger: &Ledger<'_>| take(ledger.sql, &request).map_err(|error| ledger.fail(error));
        self.writer.write(work).await
    }

    /// Whether pairing let this sender in.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn is_approved(&self, account: &AccountKey, sender: &str) -> Result<bool, StoreError> {
        let (account, sender) = (account.clone(), sender.to_owned());
        let work = move |sql: &Connection| {
            sql.prepare_cached(
                "SELECT 1 FROM approved_senders WHERE channel = ?1 AND account = ?2 AND sender = ?3",
            )?
            .exists(params![account.channel, account.account, sender])
        };
        self.readers.read(work).await
    }

    /// Everybody whom pairing let into an account, in the order of approval.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn approved_senders(&self, account: &AccountKey) -> Result<Vec<String>, StoreError> {
        let account = account.clone();
        let work = move |sql: &Connection| {
            sql.prepare_cached(
                "SELECT sender FROM approved_senders WHERE channel = ?1 AND account = ?2 ORDER BY approved_at, sender",
            )?
            .query_map(params![account.channel, account.account], |row| row.get(0))?
            .collect()
        };
        self.readers.read(work).await
    }

    /// `<channel>:<sender>` of the first approval, if it made an owner.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn owner(&self) -> Result<Option<String>, StoreError> {
        let work =
            |sql: &Connection| sql.query_row("SELECT entry FROM owner", [], |row| row.get(0)).optional();
        self.readers.read(work).await
    }
}

fn file_request(
    sql: &Connection,
    ask: &NewPairing,
    meta: &str,
    rules: PairingRules,
    now: i64,
) -> rusqlite::Result<PairingOutcome> {
    let NewPairing { sender, code, reply, .. } = ask;
    let (AccountKey { channel, account }, room) = (&reply.account, &reply.target.room);
    sql.prepare_cached("DELETE FROM pairing_requests WHERE created_at <= ?1")?
        .execute([now - rules.ttl_ms])?;
    let refreshed = sql
        .prepare_cached(
            "UPDATE pairing_requests SET last_seen_at = ?4, meta = ?5 WHERE channel = ?1 AND account = ?2 AND sender = ?3",
        )?
        .execute(params![channel, account, sender, now, meta])?;
    if refreshed > 0 {
        return Ok(PairingOutcome::Refreshed);
    }
    let pending: i64 = sql
        .prepare_cached("SELECT count(*) FROM pairing_requests WHERE channel = ?1 AND account = ?2")?
        .query_row(params![channel, account], |row| row.get(0))?;
    if pending >= rules.max_pending {
        return Ok(PairingOutcome::Full);
    }
    let taken = sql
        .prepare_cached("SELECT 1 FROM pairing_requests WHERE channel = ?1 AND code = ?2")?
        .exists(params![channel, code])?;
    if taken {
        return Ok(PairingOutcome::CodeTaken);
    }
    sql.prepare_cached(
        "INSERT INTO pairing_requests (channel, account, sender, room, code, meta, created_at, last_seen_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
    )?
    .execute(params![channel, account, sender, room, code, meta, now])?;
    Ok(PairingOutcome::Created)
}

/// Removes exactly this request, and says whether it was there.
fn take(sql: &Connection, request: &PairingRequest) -> rusqlite::Result<bool> {
    let AccountKey { channel, account } = &request.account;
    let taken = sql
        .prepare_cached(
            "DELETE FROM pairing_requests WHERE channel = ?1 AND account = ?2 AND sender = ?3 AND created_at = ?4",
        )?
        .execute(params![channel, account, request.sender, request.created_at])?;
    Ok(taken > 0)
}

/// Takes the request out of the pending ones and lets its sender in. `None`: it is not there.
fn let_in(
    sql: &Connection,
    request: PairingRequest,
    bootstrap_owner: bool,
    now: i64,
) -> rusqlite::Result<Option<Approved>> {
    if !take(sql, &request)? {
        return Ok(None);
    }
    let AccountKey { channel, account } = &request.account;
    sql.prepare_cached(
        "INSERT INTO approved_senders (channel, account, sender, approved_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT DO NOTHING",
    )?
    .execute(params![channel, account, request.sender, now])?;
    let mut owner_configured = None;
    if bootstrap_owner {
        let entry = format!("{channel}:{}", request.sender);
        let first = sql
            .prepare_cached(
                "INSERT INTO owner (one, entry, since) VALUES (1, ?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute(params![entry, now])?;
        owner_configured = (first == 1).then_some(entry);
    }
    Ok(Some(Approved {
        account: request.account,
        sender: request.sender,
        room: request.room,
        owner_configured,
    }))
}

fn pairing_row(row: &Row<'_>) -> rusqlite::Result<PairingRequest> {
    let meta: PairingMeta = json(row, "meta")?;
    Ok(PairingRequest {
        account: account(row)?,
        sender: row.get("sender")?,
        room: row.get("room")?,
        code: row.get("code")?,
        created_at: row.get("created_at")?,
        last_seen_at: row.get("last_seen_at")?,
        meta,
    })
}
