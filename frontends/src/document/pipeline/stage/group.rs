//! `$group`, and the stages that stand for it: `$count` and `$sortByCount`.
//!
//! Groups are kept in a table, in the order in which their keys were first seen. When they take
//! more memory than the stage may have, all of them are written out in order of their keys, and the
//! table begins anew; in the end the runs are merged, states of one key in the order in which they
//! were written. Then groups come in the order of their keys.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::accumulator::{Accumulator, State};
use super::super::rows::{BoxedRows, Rows};
use super::super::settings::Settings;
use super::super::spill::{Merged, Record, Runs};
use super::super::weight;
use super::Stage;
use crate::Result;
use crate::document::expression::{Env, Expression, Scope, SortOrder};
use crate::document::failure;
use crate::document::projection::Projection;
use crate::document::value::{Array, Document, Value};

/// What documents are grouped by, and what groups come to.
#[derive(Clone, Debug)]
pub struct Group {
    pub key: Expression,
    pub accumulators: Vec<Accumulator>,
}

impl Group {
    /// Reads `{_id: key, field: {$accumulator: ...}, ...}`.
    pub fn parse(fields: &Document<'_>, scope: &mut Scope) -> Result<Group> {
        let (mut key, mut accumulators): (_, Vec<Accumulator>) = (None, Vec::new());
        for (name, value) in fields.iter() {
            if name == "_id" {
                key = Some(Expression::parse(&value, scope)?);
                continue;
            }
            if accumulators.iter().any(|other| *other.field == *name) {
                let message = format!("the field '{name}' of a group is there twice");
                return Err(failure::invalid(16406, message));
            }
            accumulators.push(Accumulator::parse(name, &value, scope)?);
        }
        match key {
            Some(key) => Ok(Group { key, accumulators }),
            None => Err(failure::invalid(15955, "a group specification must include an _id")),
        }
    }

    /// The group's document.
    pub fn document(&self, key: Value<'static>, states: Vec<State>) -> Document<'static> {
        let mut fields = vec![("_id".into(), key)];
        for (accumulator, state) in self.accumulators.iter().zip(states) {
            let name = accumulator.field.to_string();
            fields.push((name.into(), accumulator.finish(state)));
        }
        Document::from_fields(fields)
    }

    /// States that have seen nothing.
    pub fn start(&self, key: &Value<'_>, settings: &Settings) -> Result<Vec<State>> {
        let nothing = Document::new();
        let document = key.as_document().unwrap_or(&nothing);
        let env = Env::new(document, &settings.context);
        self.accumulators.iter().map(|accumulator| accumulator.start(&env)).collect()
    }
}

/// Groups that are in memory.
#[derive(Default)]
struct Table {
    places: HashMap<Value<'static>, usize>,
    groups: Vec<(Value<'static>, Vec<State>)>,
    bytes: usize,
}

/// What a group takes beside its key and states.
const GROUP_BYTES: usize = 64;

/// Documents of groups.
pub struct Grouped {
    rows: BoxedRows,
    group: Arc<Group>,
    settings: Settings,
    made: Option<Made>,
}

enum Made {
    Table(std::vec::IntoIter<(Value<'static>, Vec<State>)>),
    /// Merged runs, and the record that was read last.
    Runs(Merged, Option<Record>),
}

impl Grouped {
    pub fn new(rows: BoxedRows, group: Arc<Group>, settings: Settings) -> Grouped {
        Grouped { rows, group, settings, made: None }
    }

    fn gather(&mut self) -> Result<Made> {
        let mut table = Table::default();
        let mut runs = Runs::new(Arc::new(|a, b| a.cmp(b)));
        while let Some(document) = self.rows.next()? {
            self.add(&mut table, &document)?;
            if table.bytes > self.settings.memory_max {
                self.spill(&mut table, &mut runs)?;
            }
        }
        if runs.is_empty() {
            return Ok(Made::Table(table.groups.into_iter()));
        }
        self.spill(&mut table, &mut runs)?;
        let mut merged = runs.merge()?;
        let first = merged.next()?;
        Ok(Made::Runs(merged, first))
    }

    fn add(&self, table: &mut Table, document: &Document<'static>) -> Result<()> {
        let env = Env::new(document, &self.settings.context);
        let key = self.group.key.evaluate(&env)?.unwrap_or(Value::Null);
        let places: &HashMap<Value<'_>, usize> = &table.places;
        let place = match places.get(&key) {
            Some(place) => *place,
            None => {
                let states = self.group.start(&key, &self.settings)?;
                let key = key.into_static();
                let states_bytes = states.len() * size_of::<State>();
                table.bytes += GROUP_BYTES + 2 * weight::value(&key) + states_bytes;
                table.places.insert(key.clone(), table.groups.len());
                table.groups.push((key, states));
                table.groups.len() - 1
            }
        };
        let Some((_, states)) = table.groups.get_mut(place) else { return Ok(()) };
        for (accumulator, state) in self.group.accumulators.iter().zip(states) {
            table.bytes += accumulator.add(state, &env)?;
        }
        Ok(())
    }

    fn spill(&self, table: &mut Table, runs: &mut Runs) -> Result<()> {
        let disk = self.settings.disk_for("$group")?;
        let mut groups = std::mem::take(table).groups;
        groups.sort_by(|(a, _), (b, _)| a.cmp(b));
        let records = groups.into_iter().map(|(key, states)| {
            let states: Array<'static> = states.into_iter().map(State::save).collect();
            let payload = Document::from_fields(vec![("s".into(), Value::Array(states))]);
            Ok((vec![key], payload))
        });
        runs.push(disk, records)
    }

    /// The next group of merged runs.
    fn merged(
        &self,
        runs: &mut Merged,
        next: &mut Option<Record>,
    ) -> Result<Option<Document<'static>>> {
        let Some((key, saved)) = next.take() else { return Ok(None) };
        let value = key.first().cloned().unwrap_or(Value::Null);
        let mut states = self.group.start(&value, &self.settings)?;
        self.add_saved(&mut states, saved)?;
        *next = runs.next()?;
        while let Some((other, saved)) = next.take_if(|(other, _)| *other == key) {
            debug_assert_eq!(other, key);
            self.add_saved(&mut states, saved)?;
            *next = runs.next()?;
        }
        Ok(Some(self.group.document(value, states)))
    }

    fn add_saved(&self, states: &mut [State], saved: Document<'static>) -> Result<()> {
        let Some(Value::Array(items)) = saved.into_field("s") else { return Ok(()) };
        for ((accumulator, state), saved) in self.group.accumulators.iter().zip(states).zip(items) {
            accumulator.merge(state, saved)?;
        }
        Ok(())
    }
}

impl Rows for Grouped {
    fn next(&mut self) -> Result<Option<Document<'static>>> {
        let mut made = match self.made.take() {
            Some(made) => made,
            None => self.gather()?,
        };
        let next = match &mut made {
            Made::Table(groups) => {
                Ok(groups.next().map(|(key, states)| self.group.document(key, states)))
            }
            Made::Runs(runs, next) => self.merged(runs, next),
        };
        self.made = Some(made);
        next
    }
}

/// Reads a `$count`: a group of everything, and its count under a name.
pub fn count(value: &Value<'_>, scope: &mut Scope) -> Result<Vec<Stage>> {
    let name = match value {
        Value::String(name) => name,
        _ => return Err(failure::invalid(40156, "$count takes the name of a field")),
    };
    let problem = match &**name {
        "" => Some((40157, "must not be empty")),
        name if name.starts_with('$') => Some((40158, "must not begin with '$'")),
        name if name.contains('\0') => Some((40159, "must not hold a zero byte")),
        name if name.contains('.') => Some((40160, "must not contain '.'")),
        "_id" => Some((9039800, "must not be _id")),
        _ => None,
    };
    if let Some((code, problem)) = problem {
        return Err(failure::invalid(code, format!("the field of $count {problem}: {name:?}")));
    }
    let sum = Value::Document(crate::doc! { "$sum": 1 });
    let accumulators = vec![Accumulator::parse(name, &sum, scope)?];
    let group = Group { key: Expression::literal(Value::Null), accumulators };
    let without_id = Projection::project(&crate::doc! { "_id": 0 }, scope)?;
    Ok(vec![Stage::Group(group.into()), Stage::Project("$project", without_id.into())])
}

/// Reads a `$sortByCount`: groups with their counts, the largest first.
pub fn sort_by_count(value: &Value<'_>, scope: &mut Scope) -> Result<Vec<Stage>> {
    let sound = match value {
        Value::Document(fields) => {
            fields.iter().next().is_some_and(|(name, _)| name.starts_with('$'))
        }
        Value::String(text) => text.starts_with('$'),
        _ => false,
    };
    if !sound {
        let message = "$sortByCount takes a path that begins with '$', or an expression";
        return Err(failure::invalid(40149, message));
    }
    let sum = Value::Document(crate::doc! { "$sum": 1 });
    let accumulators = vec![Accumulator::parse("count", &sum, scope)?];
    let group = Group { key: Expression::parse(value, scope)?, accumulators };
    let order = SortOrder::parse(&crate::doc! { "count": -1 })?;
    Ok(vec![Stage::Group(group.into()), Stage::Sort(order.into(), None)])
}
