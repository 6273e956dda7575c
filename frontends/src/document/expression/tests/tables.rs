use super::{Context, Env, Expression, NOW, Scope};
use crate::document::failure::Failure;
use crate::document::value::{Document, Value};

/// Reads one of the tables that are shared with the naive evaluator.
pub fn table(name: &str) -> Vec<Document<'static>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../bindings/python/tests/naive/tables");
    let path = std::path::Path::new(folder).join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let Value::Array(cases) = Value::from_json(&text).expect("a table is extended JSON") else {
        panic!("{name} is no array");
    };
    let case = |value| match value {
        Value::Document(case) => case,
        other => panic!("{name} holds {other:?}"),
    };
    cases.into_items().into_iter().map(case).collect()
}

/// Whether a result is what a case of a table expects; the text says what is wrong.
pub fn complaint(case: &Document<'_>, got: crate::Result<Option<Value<'_>>>) -> Option<String> {
    let name = case.get("name").map(|name| format!("{name:?}")).unwrap_or_default();
    match (got, case.get("error"), case.get("expected")) {
        (Err(_), Some(Value::Bool(true)), _) => None,
        (Err(error), Some(code), _) => {
            let found = Failure::of(&error).map(Failure::code);
            let same = code.number().and_then(|it| it.to_exact_i64()) == found.map(i64::from);
            (!same).then(|| format!("{name}: code {code:?}, but {found:?}: {error}"))
        }
        (Err(error), None, expected) => Some(format!("{name}: {expected:?}, but {error}")),
        (Ok(got), Some(code), _) => Some(format!("{name}: error {code:?}, but {got:?}")),
        (Ok(got), None, expected) => {
            let (got, expected) = (format!("{got:?}"), format!("{expected:?}"));
            (got != expected).then(|| format!("{name}: {expected}, but {got}"))
        }
    }
}

#[test]
fn expressions_answer_as_the_tables_say() {
    let context = Context::new(NOW, 7);
    let mut complaints = Vec::new();
    for case in table("expressions.json") {
        let document = match case.get("document") {
            Some(Value::Document(document)) => document.into_static(),
            _ => Document::new(),
        };
        let expression = case.get("expression").expect("a case has an expression");
        let parsed = Expression::parse(&expression, &mut Scope::new());
        let got = parsed.and_then(|parsed| {
            let value = parsed.evaluate(&Env::new(&document, &context))?;
            Ok(value.map(Value::into_static))
        });
        complaints.extend(complaint(&case, got));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
