//! Changing the documents that a filter finds.
//!
//! Each call is one transaction: what it finds and what it writes are of one moment, and it is
//! tried again when somebody else was faster.

use std::sync::Arc;

use super::options::FindOptions;
use super::query::{Query, scope_of};
use crate::document::collection::{Change, Collection, State, Writer, with_id, write_row};
use crate::document::failure;
use crate::document::update::{Mode, Update};
use crate::document::value::{Document, RawDocument, Value};
use crate::kv::Moment;
use crate::{Result, Transaction};

/// What an update may be told besides filter and update.
#[derive(Clone, Debug, Default)]
#[must_use = "options do nothing until something is updated with them"]
pub struct UpdateOptions {
    upsert: bool,
    array_filters: Vec<Document<'static>>,
    find: FindOptions,
    given: Return,
}

/// Which document is given where one is found and changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Return {
    /// As it was.
    #[default]
    Before,
    /// As it is then.
    After,
}

impl UpdateOptions {
    /// Only what is there is updated.
    pub fn new() -> UpdateOptions {
        UpdateOptions::default()
    }

    /// Inserts a document where the filter finds none.
    pub fn upsert(mut self) -> UpdateOptions {
        self.upsert = true;
        self
    }

    /// What `$[name]` in the update stands for.
    pub fn array_filters<'d>(
        mut self,
        filters: impl IntoIterator<Item = Document<'d>>,
    ) -> UpdateOptions {
        self.array_filters = filters.into_iter().map(Document::into_static).collect();
        self
    }

    /// Which of the documents comes first, and which fields are given, where one is found and
    /// changed; the index to use.
    pub fn find(mut self, options: FindOptions) -> UpdateOptions {
        self.find = options;
        self
    }

    /// Whether the document is given as it was or as it is then.
    pub fn given(mut self, given: Return) -> UpdateOptions {
        self.given = given;
        self
    }
}

/// What an update has done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Updated {
    /// Documents that the filter found.
    pub matched: u64,
    /// Those of them that are not as they were.
    pub modified: u64,
    /// The `_id` of the document that was inserted, if none was found.
    pub upserted_id: Option<Value<'static>>,
}

/// A document that was found and changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FoundAndChanged {
    /// The document, as it was or as it is, if there is one.
    pub document: Option<Document<'static>>,
    /// What was done.
    pub updated: Updated,
}

/// How many of the documents found are changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Many {
    First,
    All,
}

impl Collection<'_> {
    /// Updates the first document that matches a filter.
    ///
    /// # Errors
    /// Those of filters and updates; as [`insert_one`](Collection::insert_one).
    pub fn update_one(&self, filter: &Document<'_>, update: &Value<'_>) -> Result<Updated> {
        self.update_one_with(filter, update, &UpdateOptions::new())
    }

    /// As [`update_one`](Collection::update_one), with options.
    ///
    /// # Errors
    /// As there.
    pub fn update_one_with(
        &self,
        filter: &Document<'_>,
        update: &Value<'_>,
        options: &UpdateOptions,
    ) -> Result<Updated> {
        refuse_replacement(update)?;
        Ok(self.change(filter, update, options, Many::First)?.updated)
    }

    /// Updates all documents that match a filter, by one commit.
    ///
    /// # Errors
    /// As [`update_one`](Collection::update_one): then none is updated.
    pub fn update_many(&self, filter: &Document<'_>, update: &Value<'_>) -> Result<Updated> {
        self.update_many_with(filter, update, &UpdateOptions::new())
    }

    /// As [`update_many`](Collection::update_many), with options.
    ///
    /// # Errors
    /// As there.
    pub fn update_many_with(
        &self,
        filter: &Document<'_>,
        update: &Value<'_>,
        options: &UpdateOptions,
    ) -> Result<Updated> {
        refuse_replacement(update)?;
        Ok(self.change(filter, update, options, Many::All)?.updated)
    }

    /// Replaces the first document that matches a filter, but for its `_id`.
    ///
    /// # Errors
    /// As [`update_one`](Collection::update_one); code 9 for operators.
    pub fn replace_one(
        &self,
        filter: &Document<'_>,
        document: &Document<'_>,
        options: &UpdateOptions,
    ) -> Result<Updated> {
        refuse_operators(document)?;
        let update = Value::Document(document.borrow());
        Ok(self.change(filter, &update, options, Many::First)?.updated)
    }

    /// Updates the first document that matches a filter, and gives it.
    ///
    /// # Errors
    /// As [`update_one`](Collection::update_one).
    pub fn find_one_and_update(
        &self,
        filter: &Document<'_>,
        update: &Value<'_>,
        options: &UpdateOptions,
    ) -> Result<FoundAndChanged> {
        refuse_replacement(update)?;
        self.change(filter, update, options, Many::First)
    }

    /// Replaces the first document that matches a filter, and gives it.
    ///
    /// # Errors
    /// As [`replace_one`](Collection::replace_one).
    pub fn find_one_and_replace(
        &self,
        filter: &Document<'_>,
        document: &Document<'_>,
        options: &UpdateOptions,
    ) -> Result<FoundAndChanged> {
        refuse_operators(document)?;
        self.change(filter, &Value::Document(document.borrow()), options, Many::First)
    }

    /// Deletes the first document that matches a filter, and gives it.
    ///
    /// # Errors
    /// As [`find_with`](Collection::find_with), and as
    /// [`Transaction::commit`](crate::Transaction::commit).
    pub fn find_one_and_delete(
        &self,
        filter: &Document<'_>,
        options: &FindOptions,
    ) -> Result<Option<Document<'static>>> {
        let query = Query::parse(self, filter, &options.clone().limit(1))?;
        self.run(|tx, state| {
            let Some(state) = state else { return Ok(None) };
            let Some(row) = self.rows_of(&query, tx, state, Many::First)?.pop() else {
                return Ok(None);
            };
            let old = state.row(&Moment::of(tx), row, |raw| raw.as_bytes().to_vec())?;
            let Some(old) = old else { return Ok(None) };
            let old = RawDocument::trusted(&old);
            write_row(tx, state, Change { row, old: Some(old), new: None })?;
            query.give(&Document::from_raw(old)).map(Some)
        })
    }

    /// Deletes the first document that matches a filter; how many.
    ///
    /// # Errors
    /// As [`delete_many`](Collection::delete_many).
    pub fn delete_one(&self, filter: &Document<'_>) -> Result<u64> {
        self.delete(filter, Many::First)
    }

    /// Deletes all documents that match a filter, by one commit; how many.
    ///
    /// # Errors
    /// Those of filters; as [`Transaction::commit`](crate::Transaction::commit).
    pub fn delete_many(&self, filter: &Document<'_>) -> Result<u64> {
        self.delete(filter, Many::All)
    }

    fn delete(&self, filter: &Document<'_>, many: Many) -> Result<u64> {
        let query = Query::parse(self, filter, &FindOptions::new())?;
        self.run(|tx, state| {
            let Some(state) = state else { return Ok(0) };
            let rows = self.rows_of(&query, tx, state, many)?;
            let mut writer = Writer::new(tx, state);
            let mut count = 0;
            for row in rows {
                let old = state.row(&Moment::of(tx), row, |raw| raw.as_bytes().to_vec())?;
                let Some(old) = old else { continue };
                let old = Some(RawDocument::trusted(&old));
                writer.stage(Change { row, old, new: None })?;
                count += 1;
            }
            writer.flush()?;
            Ok(count)
        })
    }

    /// The rows that a query finds in a transaction, before anything is written.
    fn rows_of(
        &self,
        query: &Query,
        tx: &Transaction,
        state: &Arc<State>,
        many: Many,
    ) -> Result<Vec<u64>> {
        let mut found = query.open(self, state, &Moment::of(tx))?;
        let mut rows = Vec::new();
        if let (Many::First, false, Some(order)) = (many, found.is_ordered, &query.sort) {
            let mut best: Option<(Vec<Value<'static>>, u64)> = None;
            let keyed = |row: u64, document: &Document<'_>| {
                let key: Vec<Value<'static>> =
                    order.key(document).into_iter().map(Value::into_static).collect();
                Ok((key, row))
            };
            while let Some((key, row)) = found.rows.next(keyed)? {
                let is_better = best.as_ref().is_none_or(|(other, than)| {
                    order.compare_keys(&key, other).then_with(|| row.cmp(than)).is_lt()
                });
                if is_better {
                    best = Some((key, row));
                }
            }
            return Ok(best.into_iter().map(|(_, row)| row).collect());
        }
        while let Some(row) = found.rows.next(|row, _| Ok(row))? {
            rows.push(row);
            if many == Many::First {
                break;
            }
        }
        Ok(rows)
    }

    fn change(
        &self,
        filter: &Document<'_>,
        update: &Value<'_>,
        options: &UpdateOptions,
        many: Many,
    ) -> Result<FoundAndChanged> {
        let query = Query::parse(self, filter, &options.find)?;
        let (mut scope, _) = scope_of(self, None)?;
        let update = Update::parse(update, &options.array_filters, &mut scope)?;
        let work = |tx: &Transaction, state: &Arc<State>| {
            let rows = self.rows_of(&query, tx, state, many)?;
            if rows.is_empty() && options.upsert {
                return self.upsert(tx, state, &query, &update, options.given);
            }
            apply(tx, state, (&query, &update), rows, options.given)
        };
        if options.upsert {
            return self.run_in_created(work);
        }
        self.run(|tx, state| match state {
            Some(state) => work(tx, state),
            None => Ok(FoundAndChanged::default()),
        })
    }

    fn upsert(
        &self,
        tx: &Transaction,
        state: &Arc<State>,
        query: &Query,
        update: &Update,
        given: Return,
    ) -> Result<FoundAndChanged> {
        let document = update.upserted(&query.filter, &query.context)?;
        let id = match document.get("_id") {
            Some(id) => id.into_static(),
            None => Value::ObjectId(self.shared.memory.object_id(&self.shared.db)),
        };
        let bytes = with_id(document, &id)?;
        let new = RawDocument::trusted(&bytes);
        let row = self.shared.take_rows(state, 1)?.start;
        write_row(tx, state, Change { row, old: None, new: Some(new) })?;
        let document = match given {
            Return::Before => None,
            Return::After => Some(query.give(&Document::from_raw(new))?),
        };
        let updated = Updated { upserted_id: Some(id), ..Updated::default() };
        Ok(FoundAndChanged { document, updated })
    }
}

/// Updates rows; what is given is the last of them.
fn apply(
    tx: &Transaction,
    state: &Arc<State>,
    (query, update): (&Query, &Update),
    rows: Vec<u64>,
    given: Return,
) -> Result<FoundAndChanged> {
    let mut writer = Writer::new(tx, state);
    let mut done = FoundAndChanged::default();
    for row in rows {
        let old = state.row(&Moment::of(tx), row, |raw| raw.as_bytes().to_vec())?;
        let Some(old) = old else { continue };
        let old = RawDocument::trusted(&old);
        let before = Document::from_raw(old);
        let position = query.filter.matches_at(&before, &query.context)?.flatten();
        let outcome = update.apply(&before, position, Mode::Update, &query.context)?;
        done.updated.matched += 1;
        let after = outcome.document();
        if outcome.is_changed() {
            done.updated.modified += 1;
            let bytes = after.to_bytes()?;
            let new = Some(RawDocument::trusted(&bytes));
            writer.stage(Change { row, old: Some(old), new })?;
        }
        let shown = if given == Return::After { after } else { &before };
        done.document = Some(query.give(shown)?);
    }
    writer.flush()?;
    Ok(done)
}

fn refuse_replacement(update: &Value<'_>) -> Result<()> {
    let is_operators = match update {
        Value::Document(document) => {
            document.iter().next().is_none_or(|(name, _)| name.starts_with('$'))
        }
        _ => true,
    };
    match is_operators {
        true => Ok(()),
        false => Err(failure::failed_to_parse(
            "an update begins with an operator such as $set; to replace a document there is \
             replace_one",
        )),
    }
}

fn refuse_operators(document: &Document<'_>) -> Result<()> {
    match document.iter().next() {
        Some((name, _)) if name.starts_with('$') => Err(failure::failed_to_parse(format!(
            "the document to put in place begins with the operator {name}"
        ))),
        _ => Ok(()),
    }
}
