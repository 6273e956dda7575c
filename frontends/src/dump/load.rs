//! Reads dumps into keyspaces.
//!
//! ```text
//! keyspaces get names for the time being ► entries ► last line checked ► synced ► names
//! ```
//!
//! Invariant: a keyspace has the name that the dump gives it only when all of the dump was there.

use std::io::{BufRead, Read};
use std::sync::{Mutex, PoisonError};

use cuesta_engine::format::Crc;

use super::json::Json;
use super::{Dumped, VERSION, settings};
use crate::base64;
use crate::database::Database;
use crate::kv::{Batch, Keyspace, KeyspaceOptions, is_reserved};
use crate::{Durability, Error, ErrorKind, Result};

/// What a load does with keyspaces that are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It fails with `Exists`, and changes nothing.
    Refuse,
    /// It puts the entries into them, over those with the same keys. When it fails half-way, what
    /// was put in stays.
    Overwrite,
}

/// Bytes of keys and values in a commit, where memory allows so many.
const BATCH_BYTES: u64 = 1 << 20;
/// Longer lines are no lines of a dump.
const LINE_BYTES_MAX: u64 = 12 << 30;

impl Database {
    /// Puts what [`Database::dump`] wrote into keyspaces of the same names and options; durable
    /// when it returns. Entries are committed a megabyte at a time, or a quarter of the memory
    /// budget if that is less.
    ///
    /// New keyspaces have names in parentheses, such as `(loading 1)`, until all of the dump was
    /// read and found whole. A load that fails removes them; a crash leaves them to be removed by
    /// the next load. Loads into one database go one after the other.
    ///
    /// # Errors
    /// `Exists` when a keyspace is there already and is not to be written to; `Corrupt` when the
    /// dump is cut off or changed, naming the line; `Unsupported` when it holds what this version
    /// does not know; `Full`, `Io`.
    pub fn load(&self, dump: impl BufRead, existing: Existing) -> Result<Dumped> {
        // Two at a time would take each other's keyspaces for what a crash has left.
        let one_at_a_time = self.named().get_or_make("load", || Ok(Mutex::new(())))?;
        let _loading = one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = Lines { dump, crc: Crc::new(), line: Vec::new(), number: 0, bytes: 0 };
        let batch = self.batch();
        let batch_max = BATCH_BYTES.min(self.engine.parts().options.batch_bytes_max() / 2);
        let done = Dumped::default();
        let loaded = Vec::new();
        let mut load = Load {
            db: self,
            lines,
            existing,
            loaded,
            batch,
            batch_max,
            waiting: 0,
            entries: 0,
            done,
        };
        load.clear()?;
        let result = load.run().map_err(|e| load.lines.locate(e));
        let Load { loaded, done, .. } = load;
        match result {
            Ok(()) => {
                // Backwards: what tells of other keyspaces has a name that is before theirs.
                for Loaded { keyspace, name, new } in loaded.iter().rev() {
                    if *new {
                        self.engine.rename_index(keyspace.id(), name)?;
                    }
                }
                Ok(done)
            }
            Err(error) => {
                for Loaded { keyspace, .. } in loaded.iter().filter(|loaded| loaded.new) {
                    // What cannot be removed now is removed by the next load.
                    let _ = self.drop_keyspace(keyspace.name());
                }
                Err(error)
            }
        }
    }
}

/// A keyspace that entries go to.
struct Loaded {
    keyspace: Keyspace,
    /// The name in the dump.
    name: String,
    /// Whether it has another name for the time being.
    new: bool,
}

struct Load<'d, R> {
    db: &'d Database,
    lines: Lines<R>,
    existing: Existing,
    loaded: Vec<Loaded>,
    batch: Batch,
    /// Bytes that are committed together at most, but for a larger entry.
    batch_max: u64,
    /// Bytes in the batch.
    waiting: u64,
    /// Entries in all.
    entries: u64,
    done: Dumped,
}

/// Name of the n-th keyspace while it is loaded.
fn name_of(n: usize) -> String {
    format!("(loading {n})")
}

fn is_name_of_a_load(name: &str) -> bool {
    let number = name.strip_prefix("(loading ").and_then(|rest| rest.strip_suffix(')'));
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
}

impl<R: BufRead> Load<'_, R> {
    /// Removes what a load that was interrupted has left.
    fn clear(&self) -> Result<()> {
        let names = self.db.keyspaces();
        let mut left = names.iter().filter(|name| is_name_of_a_load(name));
        left.try_for_each(|name| self.db.drop_keyspace(name))
    }

    fn run(&mut self) -> Result<()> {
        self.header()?;
        loop {
            let crc = self.lines.crc.clone();
            let members = self.lines.next()?;
            match members.first().map(|(name, _)| name.as_str()) {
                Some("key" | "key_base64") => self.entry(&members)?,
                Some("keyspace") => self.keyspace(&members)?,
                Some("end") => {
                    self.commit()?;
                    self.end(&members, &format!("{:08x}", crc.finish()))?;
                    return self.db.sync();
                }
                Some(name) => {
                    return Err(Error::unsupported(format!("lines with {name} are unknown here")));
                }
                None => return Err(Error::corrupt("an empty object")),
            }
        }
    }

    fn header(&mut self) -> Result<()> {
        let members = self.lines.next()?;
        let member = |wanted: &str| members.iter().find(|(name, _)| name == wanted);
        match member("cuesta_dump") {
            Some((_, Json::Number(VERSION))) => {}
            Some((_, Json::Number(other))) => {
                return Err(Error::unsupported(format!(
                    "a dump of format {other}; this version reads format {VERSION}"
                )));
            }
            _ => return Err(Error::corrupt("this is no dump")),
        }
        let known = ["cuesta_dump", "database", "commit", "time_ms"];
        refuse_unknown(&members, &known)?;
        if let Some((_, Json::Number(commit))) = member("commit") {
            self.done.commit = *commit;
        }
        Ok(())
    }

    fn keyspace(&mut self, members: &[(String, Json)]) -> Result<()> {
        refuse_unknown(members, &["keyspace", "options"])?;
        let [(_, Json::Text(name)), rest @ ..] = members else {
            return Err(Error::corrupt("a keyspace without a name"));
        };
        let options = match rest {
            [] => KeyspaceOptions::default(),
            [(_, Json::Object(options))] => settings::take(options)?,
            _ => return Err(Error::corrupt("options that are no object")),
        };
        if is_name_of_a_load(name) || self.loaded.iter().any(|loaded| loaded.name == *name) {
            return Err(Error::corrupt(format!("a second keyspace {name:?}")));
        }
        let there = Keyspace::find(self.db, name, &KeyspaceOptions::default())?;
        if there.is_some() && is_reserved(name) {
            return Err(Error::exists(format!(
                "there is a keyspace {name:?} already, and documents are not put among others"
            )));
        }
        let new = there.is_none();
        let keyspace = match (there, self.existing) {
            (Some(_), Existing::Refuse) => {
                return Err(Error::exists(format!("there is a keyspace {name:?} already")));
            }
            (Some(keyspace), Existing::Overwrite) => keyspace,
            (None, _) => self.db.keyspace_with(&name_of(self.loaded.len() + 1), &options)?,
        };
        self.commit()?;
        self.loaded.push(Loaded { keyspace, name: name.clone(), new });
        Ok(())
    }

    fn entry(&mut self, members: &[(String, Json)]) -> Result<()> {
        let (key, value, rest) = match members {
            [key, value, rest @ ..] => (bytes_of(key, "key")?, bytes_of(value, "value")?, rest),
            _ => return Err(Error::corrupt("an entry without a value")),
        };
        refuse_unknown(rest, &["expires_ms"])?;
        let expires_ms = match rest {
            [] => None,
            [(_, Json::Number(time_ms))] => Some(*time_ms),
            _ => return Err(Error::corrupt("an entry that expires at no time")),
        };
        let bytes = (key.len() + value.len() + 32) as u64;
        if self.waiting > 0 && self.waiting + bytes > self.batch_max {
            self.commit()?;
        }
        let Some(Loaded { keyspace, .. }) = self.loaded.last() else {
            return Err(Error::corrupt("an entry before the first keyspace"));
        };
        self.batch.put_stored(keyspace, (&key, &value), expires_ms)?;
        self.waiting += bytes;
        self.entries += 1;
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        let mut batch = std::mem::replace(&mut self.batch, self.db.batch());
        self.waiting = 0;
        batch.durability(Durability::Buffered);
        batch.commit()
    }

    fn end(&mut self, members: &[(String, Json)], crc: &str) -> Result<()> {
        let [(_, Json::Object(end))] = members else {
            return Err(Error::corrupt("a last line that is none"));
        };
        refuse_unknown(end, &["keyspaces", "entries", "crc32"])?;
        let keyspaces = self.loaded.len() as u64;
        let expected = [
            ("keyspaces", Json::Number(keyspaces)),
            ("entries", Json::Number(self.entries)),
            ("crc32", Json::Text(crc.to_owned())),
        ];
        for (name, found) in expected {
            match end.iter().find(|(known, _)| known == name) {
                Some((_, said)) if *said == found => {}
                said => {
                    let said = said.map_or("none".to_owned(), |(_, said)| shown(said));
                    return Err(Error::corrupt(match name {
                        "crc32" => format!(
                            "the checksum in the last line is {said}, that of the lines before it \
                             {}: something in it was changed",
                            shown(&found)
                        ),
                        _ => format!(
                            "the last line says that there are {said} {name}, found are {}",
                            shown(&found)
                        ),
                    }));
                }
            }
        }
        if !self.lines.is_over()? {
            return Err(Error::corrupt("something behind the last line"));
        }
        self.done.keyspaces = keyspaces;
        self.done.entries = self.entries;
        self.done.bytes = self.lines.bytes;
        Ok(())
    }
}

/// A value as it is spelled in messages.
fn shown(json: &Json) -> String {
    match json {
        Json::Text(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        Json::Object(_) => "an object".to_owned(),
    }
}

fn refuse_unknown(members: &[(String, Json)], known: &[&str]) -> Result<()> {
    match members.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => Err(Error::unsupported(format!("the member {name} is unknown here"))),
        None => Ok(()),
    }
}

/// The bytes of a member called `name`, or `name` with `_base64`.
fn bytes_of(member: &(String, Json), name: &str) -> Result<Vec<u8>> {
    let (found, Json::Text(text)) = member else {
        return Err(Error::corrupt(format!("a {name} that is no string")));
    };
    if found == name {
        return Ok(text.clone().into_bytes());
    }
    if found.strip_prefix(name) != Some("_base64") {
        return Err(Error::unsupported(format!("the member {found} is unknown here")));
    }
    base64::decode(text.as_bytes()).ok_or_else(|| Error::corrupt(format!("a {name} of no base64")))
}

struct Lines<R> {
    dump: R,
    /// Of all bytes so far.
    crc: Crc,
    line: Vec<u8>,
    number: u64,
    bytes: u64,
}

impl<R: BufRead> Lines<R> {
    /// The members of the next line's object.
    fn next(&mut self) -> Result<Vec<(String, Json)>> {
        self.line.clear();
        self.number += 1;
        let mut bounded = self.dump.by_ref().take(LINE_BYTES_MAX);
        let read = bounded.read_until(b'\n', &mut self.line);
        read.map_err(|e| Error::io("reading the dump", e))?;
        if self.line.pop() != Some(b'\n') {
            return Err(Error::corrupt("the dump is cut off"));
        }
        let crc = std::mem::take(&mut self.crc);
        self.crc = crc.update(&self.line).update(b"\n");
        self.bytes += self.line.len() as u64 + 1;
        match Json::parse(&self.line)? {
            Json::Object(members) => Ok(members),
            Json::Text(_) | Json::Number(_) => Err(Error::corrupt("no object")),
        }
    }

    fn is_over(&mut self) -> Result<bool> {
        let rest = self.dump.fill_buf().map_err(|e| Error::io("reading the dump", e))?;
        Ok(rest.is_empty())
    }

    /// Names the line that an error is about.
    fn locate(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::Invalid => {
                let error = match error.kind() {
                    ErrorKind::Invalid => error.into_kind(ErrorKind::Corrupt),
                    _ => error,
                };
                error.context(format_args!("line {} of the dump", self.number))
            }
            _ => error,
        }
    }
}
