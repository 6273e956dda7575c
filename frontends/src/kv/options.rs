//! How a keyspace lies on disk.

use std::time::Duration;

use cuesta_engine::format::Codec;
use cuesta_engine::version::Entry;
use cuesta_indexes::{btree, lsm};

use crate::kv::lifetime::ttl_ms;
use crate::kv::structure::{KeyspaceEngine, tested};
use crate::{Error, Result};

/// How blocks are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all: read in place from mapped files.
    None,
    /// LZ4: fast.
    Lz4,
    /// Zstandard: small.
    Zstd,
}

/// Options of a keyspace, fixed when it is created. What is not asked for is the default when it is
/// created, and whatever it has when it is there.
#[derive(Clone, Debug, Default)]
pub struct KeyspaceOptions {
    engine: KeyspaceEngine,
    /// What counts for one engine; what counts for both is in both.
    pub(crate) lsm: lsm::Options,
    pub(crate) btree: btree::Options,
    /// What was asked for, of a keyspace that is there already as well.
    asked: Vec<Asked>,
}

/// What options say: see [`KeyspaceOptions::values`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionValues {
    /// How its keys lie on disk.
    pub engine: KeyspaceEngine,
    /// Of a B+tree: bytes of a page.
    pub page_bytes: u32,
    /// Of a B+tree: how full pages are written that are written in order, in percent.
    pub fill_percent: u8,
    /// Of an LSM tree, as all below but what is said of values: how each level is compressed, from
    /// the newest data to the oldest.
    pub compression: [Compression; 7],
    /// Bytes of a block before compression.
    pub block_bytes: u32,
    /// Filter bits per key.
    pub filter_bits: u8,
    /// From how many bytes on values lie apart from their keys; 0 is never.
    pub blob_threshold: u32,
    /// How long values live unless they are put with another time; `None` is for ever.
    pub ttl: Option<Duration>,
    /// Name of the merge operator.
    pub merge_operator: Option<String>,
}

impl PartialEq for KeyspaceOptions {
    fn eq(&self, other: &KeyspaceOptions) -> bool {
        let same = match self.engine {
            KeyspaceEngine::Lsm => self.lsm == other.lsm,
            KeyspaceEngine::Btree => self.btree == other.btree,
        };
        self.engine == other.engine && same
    }
}

impl Eq for KeyspaceOptions {}

/// An option that was asked for.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Engine,
    PageBytes,
    FillPercent,
    Compression(usize),
    BlockBytes,
    FilterBits,
    BlobThreshold,
    Ttl,
    MergeOperator,
}

impl Asked {
    /// What `options` say of it, in words.
    fn of(self, options: &KeyspaceOptions) -> String {
        let (engine, btree, options) = (options.engine, &options.btree, &options.lsm);
        match self {
            Asked::Engine => format!("engine {}", engine.name()),
            Asked::PageBytes => format!("page_bytes {}", btree.page_bytes),
            Asked::FillPercent => format!("fill_percent {}", btree.fill_percent),
            Asked::Compression(level) => match options.codecs.get(level) {
                None | Some(Codec::None) => format!("no compression of level {level}"),
                Some(Codec::Lz4) => format!("compression lz4 of level {level}"),
                Some(Codec::Zstd) => format!("compression zstd of level {level}"),
            },
            Asked::BlockBytes => format!("block_bytes {}", options.block_bytes),
            Asked::FilterBits => format!("filter_bits {}", options.filter_bits),
            Asked::BlobThreshold => format!("blob_threshold {}", options.blob_threshold),
            Asked::Ttl => match options.ttl_ms {
                0 => "no ttl".to_owned(),
                ttl_ms => format!("a ttl of {:?}", Duration::from_millis(ttl_ms)),
            },
            Asked::MergeOperator => match options.merge_operator.as_str() {
                "" => "no merge operator".to_owned(),
                name => format!("the merge operator {name:?}"),
            },
        }
    }
}

impl Asked {
    /// The engine that it is an option of, if it is not one of all.
    fn engine(self) -> Option<KeyspaceEngine> {
        match self {
            Asked::Engine | Asked::Ttl | Asked::MergeOperator => None,
            Asked::PageBytes | Asked::FillPercent => Some(KeyspaceEngine::Btree),
            Asked::Compression(_)
            | Asked::BlockBytes
            | Asked::FilterBits
            | Asked::BlobThreshold => Some(KeyspaceEngine::Lsm),
        }
    }
}

impl KeyspaceOptions {
    /// The defaults: upper levels uncompressed, LZ4 below, 10 filter bits per key.
    pub fn new() -> KeyspaceOptions {
        KeyspaceOptions::default()
    }

    /// How its keys lie on disk: an LSM tree by default.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// use cuesta::{KeyspaceEngine, KeyspaceOptions};
    ///
    /// let options = KeyspaceOptions::new().engine(KeyspaceEngine::Btree);
    /// let places = db.keyspace_with("places", &options)?;
    /// places.put("Lisbon", "38.7, -9.1")?;
    /// assert_eq!(places.get("Lisbon")?.unwrap(), b"38.7, -9.1");
    /// # Ok(())
    /// # }
    /// ```
    pub fn engine(mut self, engine: KeyspaceEngine) -> KeyspaceOptions {
        self.engine = engine;
        self.asking(Asked::Engine)
    }

    /// Of a B+tree: bytes of a page, a power of two from 1 KiB to 64 KiB; 4 KiB by default. Larger
    /// pages make scans faster and changes in many places dearer.
    pub fn page_bytes(mut self, bytes: u32) -> KeyspaceOptions {
        self.btree.page_bytes = bytes;
        self.asking(Asked::PageBytes)
    }

    /// Of a B+tree: how full pages are written that are written in order, 50 to 100 percent; 90 by
    /// default. Fuller ones make a smaller file, emptier ones leave room for keys in between.
    pub fn fill_percent(mut self, percent: u8) -> KeyspaceOptions {
        self.btree.fill_percent = percent;
        self.asking(Asked::FillPercent)
    }

    /// Compresses all levels alike.
    pub fn compression(mut self, compression: Compression) -> KeyspaceOptions {
        self.lsm.codecs.fill(codec(compression));
        self.asked.extend((0..self.lsm.codecs.len()).map(Asked::Compression));
        self
    }

    /// Compresses one level: 0 is what was just flushed, 6 the oldest data. There is nothing
    /// beyond 6.
    pub fn compression_of(mut self, level: usize, compression: Compression) -> KeyspaceOptions {
        if let Some(of_level) = self.lsm.codecs.get_mut(level) {
            *of_level = codec(compression);
            self.asked.push(Asked::Compression(level));
        }
        self
    }

    /// Bytes of a block before compression, 256 to 1 MiB; 8 KiB by default. Larger blocks
    /// compress better and make reading single keys slower.
    pub fn block_bytes(mut self, bytes: u32) -> KeyspaceOptions {
        self.lsm.block_bytes = bytes;
        self.asking(Asked::BlockBytes)
    }

    /// Filter bits per key, 0 to 32; 10 by default. Each 5 more bits make a needless read about
    /// ten times rarer.
    pub fn filter_bits(mut self, bits: u8) -> KeyspaceOptions {
        self.lsm.filter_bits = bits;
        self.asking(Asked::FilterBits)
    }

    /// Values of at least so many bytes lie apart from their keys, so that merging keys does not
    /// move them: 16 KiB by default, at least 1 KiB; 0 is never.
    pub fn blob_threshold(mut self, bytes: u32) -> KeyspaceOptions {
        self.lsm.blob_threshold = bytes;
        self.asking(Asked::BlobThreshold)
    }

    /// Gives every value this time to live, unless it is put with another one; a part of a
    /// millisecond counts as a whole one. Zero, the default, is none: values stay; and so do they
    /// with [`Duration::MAX`].
    ///
    /// A merge renews it as a put does.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// use std::time::Duration;
    ///
    /// use cuesta::{Expiry, KeyspaceOptions};
    ///
    /// let hour = Duration::from_secs(3600);
    /// let sessions = db.keyspace_with("sessions", &KeyspaceOptions::new().ttl(hour))?;
    /// sessions.put("ada", "token")?;
    /// sessions.put_with_ttl("bob", "token", Duration::ZERO)?;
    /// assert!(matches!(sessions.expiry("ada")?, Some(Expiry::In(left)) if left <= hour));
    /// assert_eq!(sessions.get("bob")?, None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn ttl(mut self, ttl: Duration) -> KeyspaceOptions {
        let ms = Some(ttl_ms(ttl)).filter(|ms| *ms < u64::MAX);
        self.set_ttl_ms(ms.unwrap_or_default());
        self.asking(Asked::Ttl)
    }

    /// Lets values be merged with operands: see [`Keyspace::merge`](crate::Keyspace::merge). The
    /// name is that of an operator that is registered, or one of these:
    ///
    /// | operator | values and operands | the result |
    /// | --- | --- | --- |
    /// | `add` | i64, little-endian | their sum, wrapping around |
    /// | `max` | i64, little-endian | the greatest |
    /// | `min` | i64, little-endian | the smallest |
    /// | `append` | any bytes | one behind the other |
    ///
    /// A key without a value takes on the operand.
    pub fn merge_operator(mut self, name: &str) -> KeyspaceOptions {
        self.set_operator(name);
        self.asking(Asked::MergeOperator)
    }

    /// What they say, defaults included.
    ///
    /// ```
    /// # fn main() -> cuesta::Result<()> {
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = cuesta::Database::open(dir.path())?;
    /// use std::time::Duration;
    ///
    /// use cuesta::KeyspaceOptions;
    ///
    /// let hour = Duration::from_secs(3600);
    /// db.keyspace_with("sessions", &KeyspaceOptions::new().ttl(hour))?;
    ///
    /// let values = db.keyspace("sessions")?.options()?.values();
    /// assert_eq!((values.ttl, values.merge_operator), (Some(hour), None));
    /// # Ok(())
    /// # }
    /// ```
    pub fn values(&self) -> OptionValues {
        let lsm = &self.lsm;
        let name = Some(&lsm.merge_operator).filter(|name| !name.is_empty());
        OptionValues {
            engine: self.engine,
            page_bytes: self.btree.page_bytes,
            fill_percent: self.btree.fill_percent,
            compression: lsm.codecs.map(compression),
            block_bytes: lsm.block_bytes,
            filter_bits: lsm.filter_bits,
            blob_threshold: lsm.blob_threshold,
            ttl: (lsm.ttl_ms > 0).then(|| Duration::from_millis(lsm.ttl_ms)),
            merge_operator: name.cloned(),
        }
    }

    fn asking(mut self, option: Asked) -> KeyspaceOptions {
        self.asked.push(option);
        self
    }

    /// Fails unless the keyspace `name`, which has the options `has`, has what was asked for.
    pub(crate) fn check(&self, name: &str, has: &KeyspaceOptions) -> Result<()> {
        for option in &self.asked {
            if let Some(engine) = option.engine().filter(|engine| *engine != has.engine) {
                if tested() == Some(has.engine) && !self.says_engine() {
                    continue;
                }
                return Err(Error::invalid(format!(
                    "keyspace {name:?}: {} is of engine {}, and this is one of engine {}: leave \
                     it open",
                    option.of(self),
                    engine.name(),
                    has.engine.name()
                )));
            }
            let (wanted, there) = (option.of(self), option.of(has));
            if wanted != there {
                return Err(Error::invalid(format!(
                    "keyspace {name:?} was created with {there}, which stays: ask for that and not \
                     for {wanted}, or leave it open"
                )));
            }
        }
        Ok(())
    }

    /// Whether they ask for an engine.
    fn says_engine(&self) -> bool {
        self.asked.iter().any(|option| matches!(option, Asked::Engine))
    }

    /// Changes options that have no door of their own: for tests.
    #[doc(hidden)]
    pub fn layout(mut self, change: impl FnOnce(&mut lsm::Options)) -> KeyspaceOptions {
        change(&mut self.lsm);
        self
    }

    pub(crate) fn operator(&self) -> &str {
        &self.lsm.merge_operator
    }

    pub(crate) fn ttl_ms(&self) -> u64 {
        self.lsm.ttl_ms
    }

    pub(crate) fn set_ttl_ms(&mut self, ttl_ms: u64) {
        (self.lsm.ttl_ms, self.btree.ttl_ms) = (ttl_ms, ttl_ms);
    }

    pub(crate) fn set_operator(&mut self, name: &str) {
        name.clone_into(&mut self.lsm.merge_operator);
        name.clone_into(&mut self.btree.merge_operator);
    }

    pub(crate) fn set_engine(&mut self, engine: KeyspaceEngine) {
        self.engine = engine;
    }

    /// How the keys of the keyspace lie on disk.
    pub(crate) fn of_engine(&self) -> KeyspaceEngine {
        self.engine
    }

    /// Options as the catalog has them; `None` for an index that is no keyspace.
    pub(crate) fn stored(entry: &Entry) -> Result<Option<KeyspaceOptions>> {
        let Some(engine) = KeyspaceEngine::of_name(&entry.kind) else { return Ok(None) };
        let mut options = KeyspaceOptions { engine, ..KeyspaceOptions::default() };
        match engine {
            KeyspaceEngine::Lsm => {
                options.lsm = lsm::Options::decode(&entry.options)?;
                options.btree.ttl_ms = options.lsm.ttl_ms;
                options.btree.merge_operator.clone_from(&options.lsm.merge_operator);
            }
            KeyspaceEngine::Btree => {
                options.btree = btree::Options::decode(&entry.options)?;
                options.lsm.ttl_ms = options.btree.ttl_ms;
                options.lsm.merge_operator.clone_from(&options.btree.merge_operator);
            }
        }
        Ok(Some(options))
    }

    /// Fails where one is out of range.
    pub(crate) fn sound(self) -> Result<KeyspaceOptions> {
        lsm::Options::decode(&self.lsm.encode())?;
        btree::Options::decode(&self.btree.encode())?;
        Ok(self)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        match self.engine {
            KeyspaceEngine::Lsm => self.lsm.encode(),
            KeyspaceEngine::Btree => self.btree.encode(),
        }
    }
}

fn compression(codec: Codec) -> Compression {
    match codec {
        Codec::None => Compression::None,
        Codec::Lz4 => Compression::Lz4,
        Codec::Zstd => Compression::Zstd,
    }
}

fn codec(compression: Compression) -> Codec {
    match compression {
        Compression::None => Codec::None,
        Compression::Lz4 => Codec::Lz4,
        Compression::Zstd => Codec::Zstd,
    }
}
