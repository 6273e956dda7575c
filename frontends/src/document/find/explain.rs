//! What became of planning, told.

use super::examined::Examined;
use crate::document::plan::choose::IndexWay;
use crate::document::value::{Array, Document, Value};

/// How a query is answered.
#[derive(Clone, Debug)]
pub(super) struct Explained {
    pub(super) namespace: String,
    /// The indexes that lead to the documents; none where all are walked through.
    pub(super) indexes: Vec<(String, IndexWay)>,
    /// Those that do not, and why.
    pub(super) rejected: Vec<(String, String)>,
    pub(super) cost: f64,
    pub(super) is_sorted_in_memory: bool,
}

impl Explained {
    /// As a document in the shape of MongoDB's `explain`; with what was looked at, if the query was
    /// run.
    pub(super) fn to_document(&self, run: Option<(Examined, u64)>) -> Document<'static> {
        let index = |(name, way): &(String, IndexWay)| {
            let mut bounds = Document::new();
            for (at, field) in way.access.fields.iter().enumerate() {
                let shown = field.set.intervals().iter();
                let shown: Vec<Value<'static>> =
                    shown.map(|one| Value::String(one.to_string().into())).collect();
                bounds.push(at.to_string(), Value::Array(Array::from_items(shown)));
            }
            crate::doc! {
                "stage": "IXSCAN",
                "indexName": name.clone(),
                "direction": (match way.order {
                    Some(order) if order.is_backward => "backward",
                    _ => "forward",
                }),
                "indexBounds": bounds,
                "keysExpected": (way.keys),
            }
        };
        let ways: Vec<Value<'static>> =
            self.indexes.iter().map(|one| Value::Document(index(one))).collect();
        let mut winning = match ways.len() {
            0 => crate::doc! { "stage": "COLLSCAN" },
            1 => crate::doc! { "stage": "FETCH", "inputStage": (ways[0].clone()) },
            _ => crate::doc! {
                "stage": "FETCH",
                "inputStage": { "stage": "OR", "inputStages": ways },
            },
        };
        if self.is_sorted_in_memory {
            winning = crate::doc! { "stage": "SORT", "inputStage": winning };
        }
        let rejected: Vec<Value<'static>> = self
            .rejected
            .iter()
            .map(|(name, reason)| {
                Value::Document(crate::doc! { "indexName": name.clone(), "reason": reason.clone() })
            })
            .collect();
        let mut told = crate::doc! {
            "queryPlanner": {
                "namespace": self.namespace.clone(),
                "winningPlan": winning,
                "rejectedIndexes": rejected,
                "costExpected": (self.cost),
            },
        };
        if let Some((examined, returned)) = run {
            told.push(
                "executionStats",
                crate::doc! {
                    "nReturned": (returned as i64),
                    "totalKeysExamined": (examined.keys as i64),
                    "totalDocsExamined": (examined.documents as i64),
                },
            );
        }
        told
    }
}
