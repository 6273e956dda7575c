//! Writes dumps.

use std::io::Write;

use cuesta_engine::format::Crc;

use super::{Dumped, VERSION, settings};
use crate::base64;
use crate::database::Database;
use crate::json::put_text;
use crate::kv::Snapshot;
use crate::{Error, ErrorKind, Result};

impl Database {
    /// Writes everything that is committed now, in all keyspaces, to `out`: lines of JSON that
    /// every later version reads, and any program can. Commits go on meanwhile.
    ///
    /// Entries are what reading gives at this moment. The layout is in `docs/formats/dump.md`.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    /// let db = cuesta::Database::open(old)?;
    /// db.keyspace("users")?.put("ada", "Ada Lovelace")?;
    /// let mut dump = Vec::new();
    /// db.dump(&mut dump)?;
    ///
    /// let other = cuesta::Database::open(new)?;
    /// let loaded = other.load(&dump[..], cuesta::Existing::Refuse)?;
    /// assert_eq!(loaded.entries, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Expired` when so much was written meanwhile that the snapshot was given up; `Corrupt`;
    /// `Io`, also for what writing to `out` fails with. What was written then has no last line, and
    /// is refused by [`Database::load`]. `Invalid` for a key whose operands do not fit its value:
    /// put or delete it, or leave it out with [`Database::dump_passing`].
    pub fn dump(&self, out: impl Write) -> Result<Dumped> {
        self.dump_passing(out, |key| Err(key.error.advice("`dump_passing` leaves it out")))
    }

    /// As [`Database::dump`], but asks `pass` about each key whose operands do not fit its value:
    /// with `Ok` it is left out and counted, with an error the dump ends. Reading such a key fails,
    /// too; what it holds is kept.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// # let options = cuesta::KeyspaceOptions::new().merge_operator("add");
    /// # let visits = db.keyspace_with("visits", &options)?;
    /// visits.put("home", "no number")?;
    /// visits.merge("home", 1i64.to_le_bytes())?;
    ///
    /// let mut dump = Vec::new();
    /// assert!(db.dump(&mut dump).is_err());
    /// dump.clear();
    /// let dumped = db.dump_passing(&mut dump, |unmerged| {
    ///     eprintln!("{}", unmerged.error);
    ///     Ok(())
    /// })?;
    /// assert_eq!((dumped.entries, dumped.passed_over), (0, 1));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Database::dump`]; what `pass` fails with.
    pub fn dump_passing(
        &self,
        out: impl Write,
        mut pass: impl FnMut(Unmerged<'_>) -> Result<()>,
    ) -> Result<Dumped> {
        let snapshot = self.snapshot();
        let mut lines = Lines { out, crc: Crc::new(), line: Vec::new(), bytes: 0 };
        let mut dumped = Dumped { commit: snapshot.commit(), ..Dumped::default() };
        let uuid = self.engine.identity().uuid;
        lines.line.extend_from_slice(
            format!(
                "{{\"cuesta_dump\":{VERSION},\"database\":\"{uuid}\",\"commit\":{},\
                 \"time_ms\":{}}}",
                snapshot.commit(),
                snapshot.clock_ms()
            )
            .as_bytes(),
        );
        lines.end()?;
        for (name, options, keyspace) in snapshot.keyspaces()? {
            lines.line.extend_from_slice(b"{\"keyspace\":");
            put_text(&name, &mut lines.line);
            lines.line.extend_from_slice(b",\"options\":");
            settings::put(&options, &mut lines.line);
            lines.line.push(b'}');
            lines.end()?;
            dumped.keyspaces += 1;
            let (entries, passed_over) = lines.entries(&snapshot, &keyspace, &mut pass)?;
            dumped.entries += entries;
            dumped.passed_over += passed_over;
        }
        let crc = lines.crc.clone().finish();
        lines.line.extend_from_slice(
            format!(
                "{{\"end\":{{\"keyspaces\":{},\"entries\":{},\"crc32\":\"{crc:08x}\"}}}}",
                dumped.keyspaces, dumped.entries
            )
            .as_bytes(),
        );
        lines.end()?;
        lines.out.flush().map_err(failed)?;
        dumped.bytes = lines.bytes;
        Ok(dumped)
    }
}

/// A key whose operands do not fit its value.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unmerged<'k> {
    /// Name of its keyspace.
    pub keyspace: &'k str,
    /// The key.
    pub key: &'k [u8],
    /// What reading it fails with; names both.
    pub error: Error,
}

fn failed(e: std::io::Error) -> Error {
    Error::io("writing the dump", e)
}

struct Lines<W> {
    out: W,
    /// Of all bytes so far.
    crc: Crc,
    line: Vec<u8>,
    bytes: u64,
}

impl<W: Write> Lines<W> {
    fn end(&mut self) -> Result<()> {
        self.line.push(b'\n');
        self.out.write_all(&self.line).map_err(failed)?;
        self.crc = std::mem::take(&mut self.crc).update(&self.line);
        self.bytes += self.line.len() as u64;
        self.line.clear();
        Ok(())
    }

    /// Writes all entries; how many, and how many keys were passed over.
    fn entries(
        &mut self,
        snapshot: &Snapshot,
        keyspace: &crate::Keyspace,
        pass: &mut impl FnMut(Unmerged<'_>) -> Result<()>,
    ) -> Result<(u64, u64)> {
        let mut cursor = snapshot.cursor::<&[u8]>(keyspace, ..)?;
        let (mut entries, mut passed_over) = (0, 0);
        loop {
            match cursor.next() {
                Ok(true) => {}
                Ok(false) => return Ok((entries, passed_over)),
                Err(error) if error.kind() == ErrorKind::Invalid => {
                    let Some(key) = cursor.pass_over() else { return Err(error) };
                    pass(Unmerged { keyspace: keyspace.name(), key, error })?;
                    passed_over += 1;
                    continue;
                }
                Err(error) => return Err(error),
            }
            self.line.push(b'{');
            self.member("key", cursor.key());
            self.line.push(b',');
            self.member("value", cursor.value());
            if let Some(expires_ms) = snapshot.expires_ms(keyspace, cursor.key())? {
                self.line.extend_from_slice(format!(",\"expires_ms\":{expires_ms}").as_bytes());
            }
            self.line.push(b'}');
            self.end()?;
            entries += 1;
        }
    }

    /// A member whose value is text if the bytes are, and else base64 under a name that says so.
    fn member(&mut self, name: &str, bytes: &[u8]) {
        self.line.push(b'"');
        self.line.extend_from_slice(name.as_bytes());
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                self.line.extend_from_slice(b"\":");
                put_text(text, &mut self.line);
            }
            Err(_) => {
                self.line.extend_from_slice(b"_base64\":\"");
                base64::encode(bytes, &mut self.line);
                self.line.push(b'"');
            }
        }
    }
}
