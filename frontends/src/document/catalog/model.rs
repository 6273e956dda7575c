//! What an index is to be: keys and options, checked as MongoDB does.

use super::{FIELDS_MAX, ID_NAME, IndexEntry, Progress};
use crate::Result;
use crate::document::expression::Scope;
use crate::document::failure;
use crate::document::filter::{Filter, Node, Test};
use crate::document::value::{Document, Path, Value};

/// Longest name of an index.
const NAME_MAX: usize = 255;
/// Most seconds after which documents may go: 68 years, as in MongoDB.
const SECONDS_MAX: i64 = i32::MAX as i64;

/// How an index answers: where other kinds of indexes will be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// By keys in order.
    Ordered,
}

/// An index to be created: its keys, and options.
///
/// ```
/// use cuesta::doc;
/// use cuesta::document::IndexModel;
///
/// let by_city = IndexModel::new(doc! { "city": 1, "age": -1 }).unique();
/// let same = IndexModel::of_document(&doc! { "key": {"city": 1, "age": -1}, "unique": true })?;
/// assert_eq!(by_city, same);
/// assert_eq!(by_city.name(), "city_1_age_-1");
/// # cuesta::Result::Ok(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a model does nothing until an index is created from it"]
pub struct IndexModel {
    key: Document<'static>,
    name: Option<String>,
    unique: bool,
    sparse: bool,
    hidden: bool,
    partial: Option<Document<'static>>,
    expire_after_seconds: Option<i64>,
}

impl IndexModel {
    /// An index of these fields: paths with 1, ascending, or -1, descending.
    pub fn new(key: Document<'_>) -> IndexModel {
        IndexModel {
            key: key.into_static(),
            name: None,
            unique: false,
            sparse: false,
            hidden: false,
            partial: None,
            expire_after_seconds: None,
        }
    }

    /// Its name, by which it is dropped; made of its keys if not given.
    pub fn with_name(mut self, name: impl Into<String>) -> IndexModel {
        self.name = Some(name.into());
        self
    }

    /// No two documents may have the same values; missing counts as one.
    pub fn unique(mut self) -> IndexModel {
        self.unique = true;
        self
    }

    /// Leaves out documents that have none of the fields.
    pub fn sparse(mut self) -> IndexModel {
        self.sparse = true;
        self
    }

    /// Queries do not use it.
    pub fn hidden(mut self) -> IndexModel {
        self.hidden = true;
        self
    }

    /// Leaves out documents that do not match a filter.
    pub fn partial_filter(mut self, filter: Document<'_>) -> IndexModel {
        self.partial = Some(filter.into_static());
        self
    }

    /// Has documents deleted so long after the moment that they have in the one field of the index.
    pub fn expire_after_seconds(mut self, seconds: i64) -> IndexModel {
        self.expire_after_seconds = Some(seconds);
        self
    }

    /// Reads what the command `createIndexes` has in `indexes`.
    ///
    /// # Errors
    /// Code 197 for an option that is unknown, 14 for one of the wrong type; `Unsupported`, code
    /// 238, for one that MongoDB knows and Cuesta does not have.
    pub fn of_document(document: &Document<'_>) -> Result<IndexModel> {
        let mut model = IndexModel::new(Document::new());
        for (option, value) in document {
            match (option, value) {
                ("key", Value::Document(key)) => model.key = key.into_static(),
                ("name", Value::String(name)) => model.name = Some(name.into_owned()),
                ("unique", value) => model.unique = flag(option, &value)?,
                ("sparse", value) => model.sparse = flag(option, &value)?,
                ("hidden", value) => model.hidden = flag(option, &value)?,
                ("partialFilterExpression", Value::Document(filter)) => {
                    model.partial = Some(filter.into_static());
                }
                ("expireAfterSeconds", value) => {
                    let seconds = value.number().map(|number| number.to_f64());
                    let whole = seconds.filter(|seconds| seconds.is_finite());
                    let seconds = whole.ok_or_else(|| wrong_type(option, &value))?;
                    model.expire_after_seconds = Some(seconds as i64);
                }
                // Both are how it is always done.
                ("background", value) if flag(option, &value).is_ok() => {}
                ("v", Value::Int32(2) | Value::Int64(2)) => {}
                ("ns", Value::String(_)) => {}
                ("key" | "name" | "partialFilterExpression", value) => {
                    return Err(wrong_type(option, &value));
                }
                (
                    "v"
                    | "collation"
                    | "weights"
                    | "default_language"
                    | "language_override"
                    | "textIndexVersion"
                    | "2dsphereIndexVersion"
                    | "bits"
                    | "min"
                    | "max"
                    | "storageEngine"
                    | "wildcardProjection"
                    | "prepareUnique"
                    | "clustered"
                    | "background"
                    | "ns"
                    | "dropDups",
                    value,
                ) => {
                    return Err(failure::unsupported(format!(
                        "the index option {option}: {value:?} is not supported"
                    )));
                }
                (option, _) => {
                    return Err(failure::invalid_index_option(format!(
                        "{option:?} is no option of an index"
                    )));
                }
            }
        }
        Ok(model)
    }

    /// The keys.
    pub fn key(&self) -> &Document<'static> {
        &self.key
    }

    /// The name, as given or made of the keys.
    pub fn name(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let part = |(path, way): (&str, Value<'_>)| match way.number() {
            Some(number) if number.to_f64() < 0.0 => format!("{path}_-1"),
            Some(_) => format!("{path}_1"),
            None => format!("{path}_{}", way.as_str().unwrap_or_default()),
        };
        self.key.iter().map(part).collect::<Vec<_>>().join("_")
    }

    /// The entry of the catalog that it becomes, checked by itself, with `id` 0.
    ///
    /// # Errors
    /// Code 67 when keys or options make no sense; `Unsupported`, code 238, for kinds of indexes
    /// that are not there.
    pub(crate) fn to_entry(&self) -> Result<IndexEntry> {
        let refuse = |why: String| Err(failure::cannot_create_index(why));
        let name = self.name();
        if name.is_empty() || name.len() > NAME_MAX || name.contains('\0') {
            return refuse(format!("{name:?} is no name of an index"));
        }
        let count = self.key.len();
        if count == 0 || count > FIELDS_MAX {
            return refuse(format!("index {name}: {count} fields; 1 to {FIELDS_MAX} are allowed"));
        }
        if let Some(partial) = &self.partial {
            check_partial(&name, Filter::parse(partial, &mut Scope::new())?.root())?;
        }
        let mut key = Document::new();
        for (path, way) in &self.key {
            let Access::Ordered = access(&name, path, &way)?;
            check_path(&name, path)?;
            if key.contains(path) {
                return refuse(format!("index {name}: the field {path} is there twice"));
            }
            let descending = way.number().is_some_and(|number| number.to_f64() < 0.0);
            key.push(path.to_owned(), if descending { -1 } else { 1 });
        }
        let is_id = count == 1 && key.contains("_id");
        if is_id && (self.sparse || self.partial.is_some() || self.expire_after_seconds.is_some()) {
            return refuse(
                "the index of _id is neither sparse nor partial, and expires nothing".into(),
            );
        }
        if (name == ID_NAME) != (is_id && key == crate::doc! { "_id": 1 }) && name == ID_NAME {
            return refuse(format!("{ID_NAME} is the name of the index of _id alone"));
        }
        if self.sparse && self.partial.is_some() {
            return refuse(format!("index {name}: it cannot be both sparse and partial"));
        }
        if let Some(seconds) = self.expire_after_seconds {
            if !(0..=SECONDS_MAX).contains(&seconds) {
                return refuse(format!(
                    "index {name}: expireAfterSeconds is {seconds}; 0 to {SECONDS_MAX} are allowed"
                ));
            }
            if count != 1 {
                return refuse(format!("index {name}: one with expireAfterSeconds has one field"));
            }
        }
        Ok(IndexEntry {
            id: 0,
            name,
            key,
            unique: self.unique,
            sparse: self.sparse,
            hidden: self.hidden,
            partial: self.partial.clone(),
            expire_after_seconds: self.expire_after_seconds,
            progress: Progress::Building,
            multikey: vec![false; count],
        })
    }
}

/// The kind of index that a field's value in the keys stands for.
fn access(index: &str, path: &str, way: &Value<'_>) -> Result<Access> {
    if path == "$**" || path.ends_with(".$**") {
        let message = format!("index {index}: wildcard indexes ({path}) are not supported");
        return Err(failure::unsupported(message));
    }
    match way {
        Value::String(kind) => match &**kind {
            "text" | "2d" | "2dsphere" | "hashed" | "geoHaystack" => Err(failure::unsupported(
                format!("index {index}: {kind} indexes, as of {path}, are not supported"),
            )),
            _ => Err(failure::cannot_create_index(format!(
                "index {index}: {kind:?} is no kind of index, for {path}"
            ))),
        },
        value => match value.number().map(|number| number.to_f64()) {
            Some(number) if number != 0.0 && !number.is_nan() => Ok(Access::Ordered),
            _ => Err(failure::cannot_create_index(format!(
                "index {index}: {path} is {value:?}, and neither 1 nor -1"
            ))),
        },
    }
}

/// Fails for what a partial index cannot go by: anything but equality, comparisons, `$in`, `$type`
/// and `$exists`, and these together with `$and` and `$or`.
fn check_partial(index: &str, node: &Node) -> Result<()> {
    match node {
        Node::Always => Ok(()),
        Node::And(parts) | Node::Or(parts) => {
            parts.iter().try_for_each(|part| check_partial(index, part))
        }
        Node::Field(_, Test::Equal(_) | Test::Compare(..) | Test::Exists | Test::Type(_)) => Ok(()),
        Node::Field(_, Test::In(members)) if members.patterns().is_empty() => Ok(()),
        other => Err(failure::cannot_create_index(format!(
            "index {index}: its partialFilterExpression has {other:?}; $eq, $lt, $lte, $gt, $gte, \
             $in, $type, $exists: true, $and and $or are possible there"
        ))),
    }
}

fn check_path(index: &str, path: &str) -> Result<()> {
    let refuse = |why: &str| {
        Err(failure::cannot_create_index(format!("index {index}: the field {path:?} {why}")))
    };
    if path.split('.').any(str::is_empty) {
        return refuse("has an empty part");
    }
    if path.split('.').any(|part| part.starts_with('$')) {
        return refuse("has a part that begins with $");
    }
    Path::parse(path).map(|_| ())
}

fn flag(option: &str, value: &Value<'_>) -> Result<bool> {
    match value {
        Value::Bool(set) => Ok(*set),
        value if value.number().is_some() => Ok(value.is_true()),
        value => Err(wrong_type(option, value)),
    }
}

fn wrong_type(option: &str, value: &Value<'_>) -> crate::Error {
    failure::type_mismatch(format!(
        "the index option {option} is {value:?}, of type {}",
        value.kind().name()
    ))
}
