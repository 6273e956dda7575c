//! What Cuesta is meant to reach, row by row.

use super::rows::{Metric, figures};
use crate::results::{Results, median};
use crate::store::Engine;

/// A goal, and how far Cuesta is.
pub struct Goal {
    /// Of which engine.
    pub engine: Engine,
    /// The row.
    pub row: &'static str,
    /// What is asked.
    pub asked: String,
    /// What was found.
    pub found: String,
    /// In how many rounds.
    pub rounds: usize,
    /// Whether it is enough; unknown when a figure is missing.
    pub met: Option<bool>,
}

/// Against whom a row is held.
#[derive(Clone, Copy)]
enum Rival {
    /// The best of the peers that are log-structured merge trees.
    BestLsm,
    /// The best of the peers that are B-trees.
    BestTree,
    /// The best of all peers but LMDB.
    BestOther,
    /// One peer.
    Peer(Engine),
    /// Another row of Cuesta.
    Own(&'static str),
}

impl Rival {
    /// The stores that it is one of, and the row that counts.
    fn among(self, ours: Engine, row: &'static str) -> (Vec<Engine>, &'static str) {
        match self {
            BestLsm => (Engine::LSM_PEERS.to_vec(), row),
            BestTree => (Engine::TREE_PEERS.to_vec(), row),
            BestOther => {
                let all = Engine::ALL.into_iter();
                (all.filter(|peer| !peer.is_ours() && *peer != Engine::Lmdb).collect(), row)
            }
            Peer(engine) => (vec![engine], row),
            Own(other) => (vec![ours], other),
        }
    }

    fn name(self) -> String {
        match self {
            BestLsm => "the best LSM peer".to_string(),
            BestTree => "the best B-tree peer".to_string(),
            BestOther => "the best peer but LMDB".to_string(),
            Peer(engine) => engine.name().to_string(),
            Own(other) => format!("{other} of Cuesta"),
        }
    }
}

use Metric::{Amplification, Disk, P99, PerProcessorSecond as Cpu, PerSecond as Wall};
use Rival::{BestLsm, BestOther, BestTree, Own, Peer};

type Ratio = (&'static str, Metric, Rival, f64);

/// Row, what is compared, with whom, and the least ratio (or the most, where less is better).
const RATIOS: [Ratio; 29] = [
    ("fill-rand-b1", Cpu, BestLsm, 1.0),
    ("fill-rand-b100", Cpu, BestLsm, 1.0),
    ("overwrite-b1", Cpu, BestLsm, 1.0),
    ("overwrite-b100", Cpu, BestLsm, 1.0),
    ("ycsb-A", Cpu, BestLsm, 1.0),
    ("ycsb-D", Cpu, BestLsm, 1.0),
    ("ycsb-F", Cpu, BestLsm, 1.0),
    ("delete-b100", Cpu, BestLsm, 1.0),
    ("sync-1t", Wall, Peer(Engine::Fjall), 1.0),
    ("sync-8t", Wall, Peer(Engine::SurrealKv), 1.0),
    ("sync-8t", Wall, Own("sync-1t"), 2.5),
    ("read-hit", Cpu, Peer(Engine::SurrealKv), 1.0),
    ("read-hit", Cpu, Peer(Engine::RocksDb), 1.4),
    ("read-hit-compacted", Cpu, Peer(Engine::SurrealKv), 1.0),
    ("read-hit-compacted", Cpu, Peer(Engine::RocksDb), 1.4),
    ("big-read-hit", Cpu, Peer(Engine::SurrealKv), 1.0),
    ("big-read-hit", Cpu, Peer(Engine::RocksDb), 1.4),
    ("read-miss", Cpu, Peer(Engine::Fjall), 1.0),
    ("read-miss-compacted", Cpu, Peer(Engine::Fjall), 1.0),
    ("scan-100", Cpu, Peer(Engine::Redb), 1.0),
    ("scan-100-compacted", Cpu, Peer(Engine::Redb), 1.0),
    ("scan-full", Cpu, Peer(Engine::SurrealKv), 1.0),
    ("scan-full-compacted", Cpu, Peer(Engine::SurrealKv), 1.0),
    ("ycsb-E", Cpu, Peer(Engine::Redb), 1.0),
    ("scan-after-delete", Cpu, Peer(Engine::RocksDb), 3.0),
    ("large-fill", Cpu, Peer(Engine::SurrealKv), 1.0),
    ("large-read", Cpu, Peer(Engine::SurrealKv), 1.0),
    ("lz4-disk", Disk, Peer(Engine::RocksDb), 1.0),
    ("overwrite-b100", P99, Peer(Engine::Fjall), 1.0),
];

/// As [`RATIOS`], for keyspaces that are B+trees.
const TREE_RATIOS: [Ratio; 19] = [
    ("read-hit", Cpu, Peer(Engine::Lmdb), 0.9),
    ("read-hit", Cpu, BestOther, 1.0),
    ("read-hit-compacted", Cpu, Peer(Engine::Lmdb), 0.9),
    ("read-hit-fresh", Cpu, Peer(Engine::Lmdb), 0.9),
    ("read-hit-fresh", Cpu, BestOther, 1.0),
    ("scan-100", Cpu, Peer(Engine::Lmdb), 0.9),
    ("scan-100-compacted", Cpu, Peer(Engine::Lmdb), 0.9),
    ("scan-100-fresh", Cpu, Peer(Engine::Lmdb), 0.9),
    ("scan-full", Cpu, Peer(Engine::Lmdb), 0.9),
    ("scan-full-compacted", Cpu, Peer(Engine::Lmdb), 0.9),
    ("scan-full-fresh", Cpu, Peer(Engine::Lmdb), 0.9),
    ("fill-seq-b100", Cpu, Peer(Engine::Lmdb), 0.7),
    ("fill-rand-b1", Cpu, BestTree, 1.0),
    ("fill-rand-b100", Cpu, BestTree, 1.0),
    ("overwrite-b1", Cpu, BestTree, 1.0),
    ("overwrite-b100", Cpu, BestTree, 1.0),
    ("sync-1t", Wall, Peer(Engine::Cuesta), 0.9),
    ("sync-8t", Wall, Peer(Engine::Cuesta), 0.9),
    ("overwrite-sync-b100", Amplification, Peer(Engine::Lmdb), 0.33),
];

/// The most that opening may take, in milliseconds.
const OPEN_MS: f64 = 50.0;
/// The most of the budget that anonymous memory may take.
const MEMORY: f64 = 1.2;
/// The most transactions that may abort.
const ABORTS: f64 = 0.01;

/// All goals.
pub fn goals(results: &Results) -> Vec<Goal> {
    let of = |ours: Engine, ratios: &[Ratio]| -> Vec<Goal> {
        ratios.iter().map(|ratio| compared(results, ours, *ratio)).collect()
    };
    let mut goals = of(Engine::Cuesta, &RATIOS);
    goals.extend(of(Engine::CuestaBtree, &TREE_RATIOS));
    goals.push(opening(results));
    goals.push(memory(results));
    goals.push(aborts(results));
    goals
}

fn compared(results: &Results, engine: Engine, (row, metric, rival, factor): Ratio) -> Goal {
    let ours = figures(results, engine, metric, row);
    let more = metric.more_is_better();
    // Both figures are of one round, so that what slows a round slows both.
    let ratios = ours.iter().filter_map(|(round, ours)| {
        let of = |engine: Engine, row: &str| {
            let theirs = figures(results, engine, metric, row);
            theirs.into_iter().find(|(other, _)| other == round).map(|(_, figure)| figure)
        };
        let (peers, row) = rival.among(engine, row);
        let theirs = peers.into_iter().filter_map(|engine| of(engine, row));
        let theirs = theirs.reduce(if more { f64::max } else { f64::min })?;
        (theirs > 0.0).then_some(ours / theirs)
    });
    let ratios: Vec<f64> = ratios.collect();
    let rounds = ratios.len();
    let found = median(ratios);
    let (most, what) = match metric {
        Cpu => ("at least", ""),
        Wall => ("at least", " by the wall clock"),
        Disk => ("at most", " in bytes"),
        Amplification => ("at most", " in bytes written"),
        _ => ("at most", " at the 99th percentile"),
    };
    Goal {
        row,
        engine,
        asked: format!("{most} {factor} x {}{what}", rival.name()),
        found: found.map_or_else(|| "-".into(), |ratio| format!("{ratio:.2} x")),
        rounds,
        met: found.map(|ratio| if more { ratio >= factor } else { ratio <= factor }),
    }
}

fn opening(results: &Results) -> Goal {
    let row = "open-cold";
    let all = figures(results, Engine::Cuesta, Metric::Milliseconds, row);
    let rounds = all.len();
    let found = median(all.into_iter().map(|(_, figure)| figure));
    Goal {
        engine: Engine::Cuesta,
        row,
        asked: format!("under {OPEN_MS} ms for 2,000,000 keys"),
        found: found.map_or_else(|| "-".into(), |ms| format!("{ms:.1} ms")),
        rounds,
        met: found.map(|ms| ms < OPEN_MS),
    }
}

fn memory(results: &Results) -> Goal {
    let budget = results.setting.memory_bytes as f64;
    let rows = results.rows(Engine::Cuesta);
    let most = rows.max_by_key(|row| row.anonymous);
    let share = most.map(|row| row.anonymous as f64 / budget);
    let found = most.map(|row| {
        let share = row.anonymous as f64 / budget;
        format!("{share:.2} x, {} MiB in {}", row.anonymous >> 20, row.row)
    });
    Goal {
        engine: Engine::Cuesta,
        row: "anonymous memory of every row",
        asked: format!("at most {MEMORY} x the memory given"),
        found: found.unwrap_or_else(|| "-".into()),
        rounds: figures(results, Engine::Cuesta, Metric::Anonymous, "fill-rand-b1").len(),
        met: share.map(|share| share <= MEMORY),
    }
}

fn aborts(results: &Results) -> Goal {
    let shares = results.facts(Engine::Cuesta, "transactions-aborted-share");
    let rounds = shares.len();
    let share = median(shares.into_values());
    Goal {
        engine: Engine::Cuesta,
        row: "transactions-8t",
        asked: format!("at most {} % abort", ABORTS * 100.0),
        found: share.map_or_else(|| "-".into(), |share| format!("{:.3} %", share * 100.0)),
        rounds,
        met: share.map(|share| share <= ABORTS),
    }
}
