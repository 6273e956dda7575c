//! Rows that are read several times: in memory as far as they fit, then on disk.

use std::sync::Arc;

use super::rows::Rows;
use super::settings::Settings;
use super::spill::{Reader, Writer};
use super::weight;
use crate::Result;
use crate::document::value::Document;

/// All documents of some rows.
#[derive(Clone)]
pub(super) struct List {
    first: Arc<Vec<Document<'static>>>,
    rest: Option<Reader>,
}

impl List {
    /// Reads rows to their end.
    pub fn gather(rows: &mut dyn Rows, stage: &str, settings: &Settings) -> Result<List> {
        let (mut first, mut rest, mut bytes) = (Vec::new(), None, 0);
        while let Some(document) = rows.next()? {
            bytes += weight::document(&document);
            if bytes <= settings.memory_max {
                first.push(document);
                continue;
            }
            let writer = match &mut rest {
                Some(writer) => writer,
                None => rest.insert(Writer::new(settings.disk_for(stage)?)?),
            };
            writer.push(Vec::new(), &document)?;
        }
        let rest = rest.map(Writer::finish).transpose()?;
        Ok(List { first: Arc::new(first), rest })
    }

    /// The documents from the first one on.
    pub fn rows(&self) -> ListRows {
        ListRows { list: self.clone(), at: 0 }
    }
}

/// Documents of a list.
pub(super) struct ListRows {
    list: List,
    at: usize,
}

impl Rows for ListRows {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        if let Some(document) = self.list.first.get(self.at) {
            self.at += 1;
            return Ok(Some(document.clone()));
        }
        match &mut self.list.rest {
            Some(rest) => Ok(rest.next()?.map(|(_, document)| document)),
            None => Ok(None),
        }
    }
}
