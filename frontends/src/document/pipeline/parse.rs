//! Pipelines out of stages, and which stages may stand where.

use super::Pipeline;
use super::optimise;
use super::stage::{self, Stage};
use crate::Result;
use crate::document::expression::Scope;
use crate::document::failure;
use crate::document::value::Document;

/// Pipelines within each other, at most.
const DEPTH_MAX: usize = 20;
/// Stages of one pipeline, at most.
const STAGES_MAX: usize = 1000;

/// What a pipeline stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    /// Nothing.
    Top,
    /// A facet.
    Facet,
    /// A `$lookup`.
    Lookup,
    /// A `$unionWith`.
    Union,
    /// A `$merge`: only stages that look at one document.
    Merge,
}

/// Reads stages.
#[derive(Clone)]
pub(super) struct Parser {
    pub scope: Scope,
    within: Within,
    depth: usize,
}

impl Parser {
    pub fn new(scope: Scope) -> Parser {
        Parser { scope, within: Within::Top, depth: 0 }
    }

    /// For stages within one of this pipeline's.
    pub fn inner(&self, within: Within) -> Result<Parser> {
        if self.depth >= DEPTH_MAX {
            let message = format!("pipelines are nested more than {DEPTH_MAX} deep");
            return Err(failure::invalid(232, message));
        }
        Ok(Parser { scope: self.scope.clone(), within, depth: self.depth + 1 })
    }

    pub fn pipeline(mut self, stages: &[Document<'_>]) -> Result<Pipeline> {
        if stages.len() > STAGES_MAX {
            let message = format!("a pipeline has more than {STAGES_MAX} stages");
            return Err(failure::invalid(7749501, message));
        }
        let mut read = Vec::new();
        for (at, document) in stages.iter().enumerate() {
            let mut fields = document.iter();
            let (Some((name, value)), None) = (fields.next(), fields.next()) else {
                let message = "a stage of a pipeline must have exactly one field: its name";
                return Err(failure::invalid(40323, message));
            };
            let more = stage::read(name, &value, &mut self)?;
            check_place(&more, at, stages.len())?;
            read.extend(more);
        }
        Ok(Pipeline::new(optimise::optimise(read, &self.scope), self.scope))
    }

    /// Refuses stages that may not stand here.
    pub fn allows(&self, stage: &Stage) -> Result<()> {
        let refused = match (self.within, stage) {
            (Within::Facet, Stage::Facet(_) | Stage::Documents(_)) => true,
            (Within::Top, _) => false,
            (Within::Merge, Stage::Project(..) | Stage::ReplaceRoot(_)) => false,
            (Within::Merge, _) => true,
            (_, Stage::Out(_) | Stage::Merge(_)) => true,
            _ => false,
        };
        if !refused {
            return Ok(());
        }
        let name = stage.name();
        let (code, place) = match self.within {
            Within::Facet => (40600, "$facet"),
            Within::Lookup => (51047, "$lookup"),
            Within::Union => (31441, "$unionWith"),
            Within::Merge | Within::Top => (72, "$merge's whenMatched"),
        };
        Err(failure::invalid(code, format!("{name} is not allowed within {place}")))
    }
}

/// Some stages must be first or last.
fn check_place(stages: &[Stage], at: usize, count: usize) -> Result<()> {
    for stage in stages {
        match stage {
            Stage::Documents(_) if at > 0 => {
                return Err(failure::invalid(40602, "$documents must be the first stage"));
            }
            Stage::Out(_) | Stage::Merge(_) if at + 1 != count => {
                let message = format!("{} can only be the final stage", stage.name());
                return Err(failure::invalid(40601, message));
            }
            _ => {}
        }
    }
    Ok(())
}
