//! Lists of operations, each from a seed.
//!
//! Keys are few, so that operations meet; some are strange. Lengths of values lie around those at
//! which values are kept apart.

use cuesta::env::sim::Random;
use cuesta::{Durability, Isolation};

use crate::operation::{
    By, Change, End, Key, List, Move, Operation, Range, SPACES, Step, Value, Wait, Write,
};

/// Operations of a list.
pub const LEN: usize = 150;

/// Lengths around which values begin to lie apart.
const LENGTHS: [usize; 4] = [1 << 10, 1 << 10, 2 << 10, 16 << 10];

/// Keys with numbers.
const NUMBERED: u64 = 24;

pub fn list(seed: u64, len: usize) -> List {
    let mut random = Random::new(seed.wrapping_mul(0x9e37_79b9) ^ 0x5eed);
    // Each list has favourites, so that some of it becomes dense.
    let favourite = random.index(SPACES.len());
    let mut generator = Generator { random, favourite };
    let operations = (0..len).map(|_| generator.operation()).collect();
    List { seed, operations }
}

/// The key of this number.
pub fn numbered(n: u16) -> Key {
    format!("key/{n:03}").into_bytes()
}

struct Generator {
    random: Random,
    favourite: usize,
}

impl Generator {
    fn below(&mut self, n: u64) -> u64 {
        self.random.below(n)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.random.one_in(n)
    }

    fn space(&mut self) -> usize {
        if self.one_in(2) { self.favourite } else { self.random.index(SPACES.len()) }
    }

    fn key(&mut self) -> Key {
        match self.below(16) {
            0 => Vec::new(),
            1 => vec![0xff; self.random.index(3)],
            2 => vec![b'k'; 60 + self.random.index(100)],
            3 => [numbered(self.random.index(4) as u16), vec![0]].concat(),
            4..=8 => numbered(self.random.index(4) as u16),
            _ => numbered(self.below(NUMBERED) as u16),
        }
    }

    fn value(&mut self, space: usize) -> Value {
        if matches!(SPACES[space].0, "add" | "max" | "min") {
            return Value::Number(self.below(200) as i64 - 100);
        }
        let byte = self.below(256) as u8;
        let len = match self.below(24) {
            0..=13 => self.random.index(20),
            14..=18 => self.random.index(300),
            19..=21 => LENGTHS[self.random.index(3)] - 2 + self.random.index(5),
            22 => LENGTHS[self.random.index(4)] - 2 + self.random.index(5),
            _ => 300 + self.random.index(3000),
        };
        if self.one_in(2) { Value::Plain(len, byte) } else { Value::Noise(len, byte) }
    }

    fn operand(&mut self, space: usize) -> Value {
        match self.value(space) {
            Value::Plain(len, byte) => Value::Plain(len % 40, byte),
            Value::Noise(len, byte) => Value::Noise(len % 300, byte),
            number => number,
        }
    }

    fn change(&mut self, space: usize) -> Change {
        match self.below(24) {
            0..=7 => Change::Put(self.value(space)),
            8..=10 => Change::PutFor(self.value(space), self.below(60)),
            11..=13 => Change::Delete,
            14..=20 => Change::Merge(self.operand(space)),
            21 | 22 => Change::DeleteRange(self.key()),
            _ if self.one_in(6) => Change::Clear,
            _ => Change::DeletePrefix,
        }
    }

    fn write(&mut self) -> Write {
        let space = self.space();
        Write { space, key: self.key(), change: self.change(space) }
    }

    fn writes(&mut self, most: u64) -> Vec<Write> {
        (0..self.below(most)).map(|_| self.write()).collect()
    }

    fn range(&mut self) -> Range {
        (!self.one_in(3)).then(|| (self.key(), self.key()))
    }

    fn moves(&mut self) -> Vec<Move> {
        let count = 1 + self.below(12);
        let one = |generator: &mut Generator| match generator.below(8) {
            0..=2 => Move::Next,
            3..=5 => Move::Prev,
            6 => Move::Seek(generator.key()),
            _ => Move::SeekBack(generator.key()),
        };
        (0..count).map(|_| one(self)).collect()
    }

    fn step(&mut self) -> Step {
        match self.below(16) {
            0..=4 => Step::Write(self.write()),
            5..=7 => Step::Get(self.space(), self.key()),
            8 | 9 => {
                let backwards = self.one_in(2);
                Step::Scan { space: self.space(), range: self.range(), backwards }
            }
            10 | 11 => Step::Savepoint,
            12 => Step::RollbackTo(self.random.index(4)),
            13 => Step::Release(self.random.index(4)),
            _ => Step::Outside(self.write()),
        }
    }

    fn transact(&mut self) -> Operation {
        let isolation = [Isolation::Serializable, Isolation::Snapshot][self.random.index(2)];
        let steps = (0..1 + self.below(12)).map(|_| self.step()).collect();
        let end = match self.below(8) {
            0 => End::Rollback,
            1 | 2 => End::Submit,
            _ => End::Commit,
        };
        Operation::Transact { isolation, steps, end }
    }

    /// Values of keys that ascend, in one keyspace or two.
    fn load(&mut self) -> Operation {
        let spaces = [self.space(), self.space()];
        let first = self.below(NUMBERED);
        let dense = self.one_in(2);
        let mut entries = std::collections::BTreeMap::new();
        for n in 0..1 + self.below(30) {
            let key = if dense { numbered((first + n) as u16) } else { self.key() };
            let space = spaces[self.random.index(2)];
            let change = match self.one_in(4) {
                true => Change::PutFor(self.value(space), self.below(60)),
                false => Change::Put(self.value(space)),
            };
            entries.insert((key.clone(), space), Write { space, key, change });
        }
        let by = if self.one_in(3) { By::Files(1 + self.random.index(12)) } else { By::Load };
        let end = if self.one_in(8) { End::Rollback } else { End::Commit };
        let entries = entries.into_values().collect();
        Operation::Load { entries, by, meanwhile: self.writes(3), end }
    }

    fn durability(&mut self) -> Option<Durability> {
        let all = [Durability::Sync, Durability::Interval, Durability::Buffered, Durability::None];
        (!self.one_in(2)).then(|| all[self.random.index(4)])
    }

    fn of(&mut self) -> Option<usize> {
        self.one_in(3).then(|| self.random.index(4))
    }

    fn operation(&mut self) -> Operation {
        match self.below(100) {
            0..=19 => Operation::Write(self.write()),
            20 | 21 => self.load(),
            22..=29 => {
                let wait = if self.one_in(3) { Wait::Handle } else { Wait::Commit };
                Operation::Batch { writes: self.writes(12), durability: self.durability(), wait }
            }
            30..=33 => {
                let space = self.space();
                let (value, first) = (self.value(space), self.below(NUMBERED) as u16);
                // The least memory is enough for it.
                let most = (100_000 / (value.bytes().len() + 1)).min(40) as u64;
                let (count, ttl_ms) = (1 + self.below(most) as u16, self.below(40));
                let ttl_ms = self.one_in(3).then_some(ttl_ms);
                Operation::Fill { space, first, count, value, ttl_ms }
            }
            34..=36 => {
                let space = self.space();
                Operation::Merges { space, key: self.key(), count: 1 + self.below(30) as u16 }
            }
            37 => {
                let (space, key) = (self.space(), self.key());
                let [expected, new] =
                    [(); 2].map(|()| (!self.one_in(3)).then(|| self.value(space)));
                Operation::Swap { space, key, expected, new }
            }
            38..=45 => self.transact(),
            46..=49 => Operation::Get(self.space(), self.key()),
            50..=54 => Operation::Scan {
                space: self.space(),
                range: self.range(),
                turns: self.random.next_u64(),
                of: self.of(),
            },
            55 => Operation::Prefix { space: self.space(), prefix: self.key() },
            56..=59 => Operation::Walk {
                space: self.space(),
                range: self.range(),
                moves: self.moves(),
                of: self.of(),
            },
            60..=62 => Operation::Snapshot,
            63..=65 => Operation::ReadSnapshot(self.random.index(4)),
            66 => Operation::Forget(self.random.index(4)),
            67..=70 => Operation::ReadAll,
            71..=78 => Operation::Pass(1 + self.below(20)),
            79..=83 => Operation::Flush,
            84 | 85 => Operation::Compact,
            86 => [Operation::Settle, Operation::Sync][self.random.index(2)].clone(),
            87 | 88 => Operation::Work(self.below(60) as u32),
            89 => Operation::Reopen,
            90 => self.seldom(),
            91 => Operation::Rename(self.space()),
            92..=94 => Operation::Feed,
            95 => Operation::StopFeed,
            96 | 97 => Operation::Watch,
            98 => Operation::Verify,
            _ => Operation::Renew(self.space()),
        }
    }

    /// What takes long.
    fn seldom(&mut self) -> Operation {
        let all = [Operation::Look, Operation::Checkpoint, Operation::Backup, Operation::Dump];
        all[self.random.index(all.len())].clone()
    }
}
