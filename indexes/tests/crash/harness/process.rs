//! An open database in a simulated process, which can be left as a killed process leaves it.

use std::path::Path;
use std::sync::Arc;

use cuesta_engine::env::Env;
use cuesta_engine::env::sim::{SimDisk, SimEnv};
use cuesta_engine::format::name::FileName;
use cuesta_engine::version::View;
use cuesta_engine::{Engine, Error, Options, Result, SeqNo};

use super::cast::Cast;
use super::model::{Content, Keyspace};

/// Where the database lies.
pub const DIR: &str = "db";

/// An open database. Dropping it is the end of its process: nothing more is written.
pub struct Process {
    /// Its process.
    pub env: Arc<SimEnv>,
    /// The database.
    pub engine: Engine,
}

impl Process {
    /// Opens the database of `env`.
    ///
    /// # Errors
    /// What opening fails with.
    pub fn open(env: &Arc<SimEnv>, cast: &Cast, options: &Options) -> Result<Process> {
        Process::open_at(Path::new(DIR), env, cast, options)
    }

    /// Opens the database in another directory of `env`.
    ///
    /// # Errors
    /// What opening fails with.
    pub fn open_at(
        dir: &Path,
        env: &Arc<SimEnv>,
        cast: &Cast,
        options: &Options,
    ) -> Result<Process> {
        let world: Arc<dyn Env> = env.clone();
        let opened = Engine::open(world, dir, options.clone(), (cast.registry)());
        match opened {
            Ok(engine) => Ok(Process { env: env.clone(), engine }),
            Err(error) => {
                env.kill();
                Err(error)
            }
        }
    }

    /// Operations of the disk so far.
    pub fn ops(&self) -> u64 {
        self.env.disk().op_count()
    }

    /// The last commit in the log.
    pub fn last(&self) -> SeqNo {
        self.engine.parts().tail().log.last_seq()
    }

    /// Everything that the database holds, and the last commit of it.
    ///
    /// # Errors
    /// What reading fails with.
    pub fn content(&self, cast: &Cast) -> Result<(SeqNo, Content, u64)> {
        content_of(&self.engine.view(), cast)
    }

    /// Whether everything that is stored is sound.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check_sound(&self) -> std::result::Result<(), String> {
        let report = self.engine.verify().map_err(|e| format!("verifying: {e:?}"))?;
        match report.problems.as_slice() {
            [] => Ok(()),
            problems => Err(format!("verify finds: {}", problems.join("; "))),
        }
    }

    /// Whether only files are left that are needed, once background work has nothing more to do.
    ///
    /// # Errors
    /// Which is not needed.
    pub fn check_files(&self) -> std::result::Result<(), String> {
        self.engine.settle().map_err(|e| format!("settling: {e:?}"))?;
        self.env.run_until_idle();
        let parts = self.engine.parts();
        let guard = parts.manifest();
        let manifest = guard.as_ref().ok_or("no manifest")?;
        let mut manifests = 0;
        let names = self.env.vfs().list(&parts.dir).map_err(|e| e.to_string())?;
        for name in names {
            let needed = match FileName::parse(&name) {
                Some(FileName::Identity | FileName::Lock) => true,
                Some(FileName::Readers | FileName::Reader(_)) => true,
                Some(FileName::Spare(_)) => true,
                Some(FileName::Manifest(_)) => {
                    manifests += 1;
                    manifests == 1
                }
                Some(FileName::Log(number)) => Some(number) >= parts.tail().log.oldest_kept(),
                Some(FileName::Data(file)) => manifest.state().files().contains_key(&file),
                Some(FileName::Temporary) | None => false,
            };
            if !needed {
                let trace = trace(self.env.disk(), self.ops());
                let path = parts.dir.join(name);
                return Err(format!("{} is left over after\n{trace}", path.display()));
            }
        }
        Ok(())
    }
}

/// Everything that a view holds, and its last commit and time.
///
/// # Errors
/// What reading fails with.
pub fn content_of(view: &View, cast: &Cast) -> Result<(SeqNo, Content, u64)> {
    let mut content = Content::new();
    for (id, entry) in view.catalog()?.iter() {
        let shape = cast.shapes.iter().find(|shape| shape.kind == entry.kind);
        let shape = shape.ok_or_else(|| Error::internal("an index of another type"))?;
        let map = (shape.dump)(view, id);
        let map = Arc::new(map.map_err(|e| e.context(format_args!("{:?}", entry.name)))?);
        let (name, kind) = (entry.name.clone(), entry.kind.clone());
        content.insert(id, Keyspace { name, kind, map, expiries: Arc::default() });
    }
    Ok((view.seq(), content, view.clock_ms()))
}

/// What was done to the disk around an operation.
pub fn trace(disk: &SimDisk, op: u64) -> String {
    let lines = disk.trace();
    let first = (op as usize).saturating_sub(16);
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate().skip(first).take(20) {
        let number = number as u64 + 1;
        let mark = if number == op { ">" } else { " " };
        text.push_str(&format!("  {mark} {number:5} {line}\n"));
    }
    text
}

impl Drop for Process {
    fn drop(&mut self) {
        self.env.kill();
        // Closing a poisoned database writes nothing.
        self.engine.parts().tail().poison(&Error::poisoned("the process was killed"));
    }
}
