//! Copies that a run makes of its database, and what each should hold whatever happens.
//!
//! Not for: the database itself (`examine.rs`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cuesta_engine::env::Env;
use cuesta_engine::env::sim::{SimDisk, SimEnv};
use cuesta_engine::keep::{RestoreTo, check_backups, restore};
use cuesta_engine::{Engine, Options, Result, SeqNo};

use super::cast::Cast;
use super::model::{Content, Model, difference, living};
use super::process::Process;

/// Where backups go.
const BACKUPS: &str = "backups";

/// What is copied to where.
#[derive(Clone, Debug)]
enum Place {
    Checkpoint(PathBuf),
    Backup(u64),
}

/// A copy.
#[derive(Clone, Debug)]
pub struct Copy {
    place: Place,
    /// Operations of the disk when it began, and when it was done: then it is durable.
    ops: (u64, u64),
    commit: SeqNo,
    content: Content,
    /// Bytes of log segments that had become blob files.
    pub adopted_bytes: u64,
}

/// The copies of a run, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Copies(pub Vec<Copy>);

impl Copies {
    /// Makes a checkpoint.
    pub fn checkpoint(&mut self, engine: &Engine, disk: &SimDisk, model: &Model) -> Result<()> {
        let path = PathBuf::from(format!("copy {}", self.0.len()));
        self.add(engine, disk, model, |engine| {
            Ok((engine.checkpoint(&path)?.commit, Place::Checkpoint(path)))
        })
    }

    /// Makes a backup.
    pub fn backup(&mut self, engine: &Engine, disk: &SimDisk, model: &Model) -> Result<()> {
        self.add(engine, disk, model, |engine| {
            let report = engine.backup(Path::new(BACKUPS))?;
            Ok((report.commit, Place::Backup(report.number)))
        })
    }

    fn add(
        &mut self,
        engine: &Engine,
        disk: &SimDisk,
        model: &Model,
        make: impl FnOnce(&Engine) -> Result<(SeqNo, Place)>,
    ) -> Result<()> {
        let began = disk.op_count();
        let (commit, place) = make(engine)?;
        let ops = (began, disk.op_count());
        let content = model.at(commit).clone();
        let adopted_bytes = engine.parts().stats.blob_adopted_bytes.load(Ordering::Relaxed);
        self.0.push(Copy { place, ops, commit, content, adopted_bytes });
        Ok(())
    }

    /// Another life begins, with all copies there.
    pub fn survive(&mut self) {
        self.0.iter_mut().for_each(|copy| copy.ops = (0, 0));
    }

    /// Looks at what a crash after operation `op` has left of the copies; returns how many are
    /// whole.
    ///
    /// # Errors
    /// What is wrong.
    pub fn examine(
        &self,
        cast: &Cast,
        options: &Options,
        disk: &Arc<SimDisk>,
        op: u64,
    ) -> std::result::Result<u64, String> {
        let mut sound = 0;
        let begun = self.0.iter().filter(|copy| copy.ops.0 <= op);
        for (number, copy) in begun.enumerate() {
            let failed = |what: String| {
                format!("{:?}, of commit {}, at {:?}: {what}", copy.place, copy.commit, copy.ops)
            };
            match (copy.content(cast, options, disk, number), copy.ops.1 <= op) {
                (Ok(found), _) => {
                    copy.compare(found).map_err(failed)?;
                    sound += 1;
                }
                // It was not done.
                (Err(_), false) => {}
                (Err(error), true) => return Err(failed(error)),
            }
        }
        let is_backup = |copy: &Copy| matches!(copy.place, Place::Backup(_)) && copy.ops.1 <= op;
        if self.0.iter().any(is_backup) {
            let env = SimEnv::on(disk.clone(), 0);
            let problems =
                check_backups(&*env, Path::new(BACKUPS)).map_err(|e| format!("{e:?}"))?;
            if !problems.is_empty() {
                return Err(format!("backups: {problems:?}"));
            }
        }
        Ok(sound)
    }
}

impl Copy {
    fn content(
        &self,
        cast: &Cast,
        options: &Options,
        disk: &Arc<SimDisk>,
        number: usize,
    ) -> std::result::Result<(SeqNo, Content, u64), String> {
        let env = SimEnv::on(disk.clone(), number as u64);
        let dir = match &self.place {
            Place::Checkpoint(path) => path.clone(),
            Place::Backup(backup) => {
                let target = PathBuf::from(format!("restored {number}"));
                let to = RestoreTo::Backup(*backup);
                restore(&*env, Path::new(BACKUPS), &target, to).map_err(|e| format!("{e:?}"))?;
                target
            }
        };
        // An empty database would be made where there is none.
        let is_there = env.vfs().exists(&dir).map_err(|e| e.to_string())?;
        let options = Options { access: cuesta_engine::Access::Write, ..options.clone() };
        if !is_there {
            return Err("there is nothing".to_owned());
        }
        let open = Process::open_at(&dir, &env, cast, &options).map_err(|e| format!("{e:?}"))?;
        let content = open.content(cast).map_err(|e| format!("{e:?}"))?;
        open.check_sound()?;
        open.check_files()?;
        Ok(content)
    }

    fn compare(
        &self,
        (commit, found, clock_ms): (SeqNo, Content, u64),
    ) -> std::result::Result<(), String> {
        let expected = living(&self.content, clock_ms);
        if expected == found && commit == self.commit {
            return Ok(());
        }
        Err(format!("commit {commit} found\n{}", difference(&expected, &found)))
    }
}
