//! Owns the records of devices, of requests to let one in and of setup codes, and the gateway's own keys. What stands in
//! a record is the business of whoever decides about devices.

use rusqlite::{Connection, OptionalExtension, params};

use crate::writer::Ledger;
use crate::{Store, StoreError};

/// The kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceTable {
    /// Paired devices.
    Devices,
    /// Requests that wait for a person.
    Requests,
    /// Setup codes.
    Codes,
}

impl DeviceTable {
    fn upsert(self) -> &'static str {
        match self {
            Self::Devices => {
                "INSERT INTO devices (id, body) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET body = excluded.body"
            }
            Self::Requests => "INSERT OR REPLACE INTO device_requests (id, body) VALUES (?1, ?2)",
            Self::Codes => "INSERT OR REPLACE INTO setup_codes (id, body) VALUES (?1, ?2)",
        }
    }

    fn delete(self) -> &'static str {
        match self {
            Self::Devices => "DELETE FROM devices WHERE id = ?1",
            Self::Requests => "DELETE FROM device_requests WHERE id = ?1",
            Self::Codes => "DELETE FROM setup_codes WHERE id = ?1",
        }
    }

    fn select(self) -> &'static str {
        match self {
            Self::Devices => "SELECT id, body, seen_at FROM devices ORDER BY id",
            Self::Requests => "SELECT id, body, NULL FROM device_requests ORDER BY id",
            Self::Codes => "SELECT id, body, NULL FROM setup_codes ORDER BY id",
        }
    }
}

/// One record to write, or to remove where it has no body.
#[derive(Clone, Debug)]
pub struct DeviceWrite {
    /// Which kind.
    pub table: DeviceTable,
    /// Its key.
    pub id: String,
    /// JSON.
    pub body: Option<String>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRow {
    /// Its key.
    pub id: String,
    /// JSON.
    pub body: String,
    /// When the device was last there, in Unix milliseconds.
    pub seen_at: Option<i64>,
}

impl Store {
    /// Writes all of these or none.
    ///
    /// # Errors
    /// When nothing could be written.
    pub async fn write_devices(&self, writes: Vec<DeviceWrite>) -> Result<(), StoreError> {
        let work = move |ledger: &Ledger<'_>| {
            let all = || -> rusqlite::Result<()> {
                for DeviceWrite { table, id, body } in &writes {
                    match body {
                        Some(body) => {
                            ledger.sql.prepare_cached(table.upsert())?.execute(params![id, body])?
                        }
                        None => ledger.sql.prepare_cached(table.delete())?.execute([id])?,
                    };
                }
                Ok(())
            };
            all().map_err(|error| ledger.fail(error))
        };
        self.writer.write(work).await
    }

    /// All records of a kind, by key.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn device_rows(&self, table: DeviceTable) -> Result<Vec<DeviceRow>, StoreError> {
        let work = move |sql: &Connection| {
            sql.prepare_cached(table.select())?
                .query_map([], |row| {
                    Ok(DeviceRow { id: row.get(0)?, body: row.get(1)?, seen_at: row.get(2)? })
                })?
                .collect()
        };
        self.readers.read(work).await
    }

    /// The device was there. Nobody waits for it: after a crash the time before is told.
    ///
    /// # Errors
    /// When the store is closed.
    pub async fn device_seen(&self, id: &str, at: i64) -> Result<(), StoreError> {
        let id = id.to_owned();
        let work = move |ledger: &Ledger<'_>| {
            let seen = ledger
                .sql
                .prepare_cached("UPDATE devices SET seen_at = ?2 WHERE id = ?1")
                .and_then(|mut update| update.execute(params![id, at]));
            seen.map(drop).map_err(|error| ledger.fail(error))
        };
        self.writer.write_lazily(work, Box::new(())).await
    }

    /// The gateway's key of this name: the one that is kept, else `fresh`, which is kept from now on.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub async fn gateway_key(&self, name: &'static str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let work = move |ledger: &Ledger<'_>| {
            let find = || -> rusqlite::Result<[u8; 32]> {
                ledger.sql.execute(
                    "INSERT OR IGNORE INTO gateway_keys (name, value) VALUES (?1, ?2)",
                    params![name, fresh],
                )?;
                let kept: Option<[u8; 32]> = ledger
                    .sql
                    .query_row("SELECT value FROM gateway_keys WHERE name = ?1", [name], |row| row.get(0))
                    .optional()?;
                Ok(kept.unwrap_or(fresh))
            };
            find().map_err(|error| ledger.fail(error))
        };
        self.writer.write(work).await
    }
}
