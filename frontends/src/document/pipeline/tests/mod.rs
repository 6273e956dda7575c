//! Pipelines by table, and against themselves: with little memory, and as they were written.

mod accumulators;
mod collections;
mod properties;
mod refusals;
mod stages;
mod tables;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::rows::{Given, gather};
use super::{Disk, Leading, Merge, Namespace, Opened, Pipeline, Rows, Settings, Sources};
use crate::document::expression::{Context, Scope};
use crate::document::failure::{self, Failure};
use crate::document::value::{DateTime, Document};
use crate::{Result, env};

/// Collections in memory, which answer nothing of a leading part.
#[derive(Default)]
pub struct Memory(Mutex<HashMap<String, Vec<Document<'static>>>>);

impl Memory {
    pub fn with(name: &str, documents: Vec<Document<'static>>) -> Memory {
        Memory(Mutex::new(HashMap::from([(name.to_owned(), documents)])))
    }

    pub fn add(&self, name: &str, documents: Vec<Document<'static>>) {
        self.0.lock().unwrap().insert(name.to_owned(), documents);
    }

    pub fn all(&self, name: &str) -> String {
        format!("{:?}", self.0.lock().unwrap().get(name).cloned().unwrap_or_default())
    }
}

impl Sources for Memory {
    fn open(&self, namespace: &Namespace, _: &Leading<'_>) -> Result<Opened> {
        let documents = self.0.lock().unwrap().get(&namespace.collection).cloned();
        let rows = Box::new(Given::new(documents.unwrap_or_default()));
        Ok(Opened { rows, filtered: false, sorted: false })
    }

    fn replace_all(&self, namespace: &Namespace, rows: &mut dyn Rows) -> Result<()> {
        let documents = gather(rows)?;
        self.0.lock().unwrap().insert(namespace.collection.clone(), documents);
        Ok(())
    }

    fn is_unique(&self, _: &Namespace, paths: &[String]) -> Result<bool> {
        Ok(paths == ["k"])
    }

    fn put(
        &self,
        namespace: &Namespace,
        before: Option<&Document<'_>>,
        document: Document<'static>,
        _: &Merge,
    ) -> Result<()> {
        let mut collections = self.0.lock().unwrap();
        let documents = collections.entry(namespace.collection.clone()).or_default();
        match before {
            None => documents.push(document),
            Some(before) => {
                let place = documents.iter_mut().find(|other| **other == *before);
                *place.ok_or_else(|| failure::bad_value("it is gone"))? = document;
            }
        }
        Ok(())
    }
}

pub fn settings(sources: Arc<dyn Sources>) -> Settings {
    let context = Arc::new(Context::new(DateTime::from_millis(1_709_209_845_678), 7));
    Settings { context, sources, memory_max: Settings::MEMORY_MAX, disk: None }
}

/// Settings with so little memory that stages spill, and the folder that they spill to.
pub fn cramped(memory_max: usize) -> (Settings, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk { env: env::os::OsEnv::new(), folder: folder.path().join("spilled") };
    let settings = settings(Arc::new(Memory::default()));
    (Settings { memory_max, disk: Some(disk), ..settings }, folder)
}

pub fn text(result: Result<Vec<Document<'static>>>) -> String {
    match result {
        Ok(documents) => {
            let lines: Vec<_> = documents.iter().map(|it| format!("{it:?}")).collect();
            lines.join(" ")
        }
        Err(error) => match Failure::of(&error) {
            Some(failure) => format!("error {}", failure.code()),
            None => panic!("an error without a code: {error}"),
        },
    }
}

/// What a pipeline gives, as text, or the code of its error.
pub fn run(documents: &[Document<'static>], stages: &[Document<'static>]) -> String {
    let settings = settings(Arc::new(Memory::default()));
    let written = Pipeline::as_written(stages, &Scope::new());
    let written = text(written.and_then(|it| it.run_over(documents.to_vec(), &settings)));
    let better = Pipeline::parse(stages, &Scope::new());
    let better = text(better.and_then(|it| it.run_over(documents.to_vec(), &settings)));
    if !written.starts_with("error") && !better.starts_with("error") {
        assert_eq!(written, better, "improved it differs: {stages:?}");
    }
    better
}

/// Checks a table of pipelines over the same documents.
#[track_caller]
pub fn check(documents: &[Document<'static>], cases: Vec<(Vec<Document<'static>>, &str)>) {
    for (stages, expected) in cases {
        assert_eq!(run(documents, &stages), expected, "{stages:?}");
    }
}
