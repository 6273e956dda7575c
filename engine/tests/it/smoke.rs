//! One of everything, so that what is broken altogether shows first.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use cuesta_engine::env::sim::SimEnv;
use cuesta_engine::index::{Handle, Registry};
use cuesta_engine::{Batch, Durability, Engine, Options};

use crate::kinds::{Kind, Pages, Rows};

fn registry() -> Registry {
    Registry::new().with::<Pages>().with::<Rows>()
}

fn open(env: &Arc<SimEnv>) -> Engine {
    Engine::open(env.clone(), Path::new("db"), Options::default(), registry()).unwrap()
}

fn smoke<K: Kind>() {
    let env = SimEnv::new(1);
    let engine = open(&env);
    let id = engine.create_index("a", K::NAME, &K::options()).unwrap();
    let handle = Handle::<K>::new(id);
    let mut model = BTreeMap::new();
    for round in 0..10u32 {
        let mut batch = Batch::new();
        for i in 0..50 {
            let key = format!("key{}", (i * 7 + round * 3) % 100);
            if (i + round) % 5 == 0 {
                K::delete(batch.part(id), key.as_bytes());
                model.remove(key.as_bytes());
            } else {
                let value = format!("value {round} {i}");
                K::put(batch.part(id), key.as_bytes(), value.as_bytes());
                model.insert(key.into_bytes(), value.into_bytes());
            }
        }
        engine.commit(batch, Durability::Sync).unwrap();
        let view = engine.view();
        assert_eq!(K::dump(&view.of(handle).unwrap(), view.seq()).unwrap(), model);
        engine.flush().unwrap();
        assert_eq!(K::dump(&view.of(handle).unwrap(), view.seq()).unwrap(), model);
        let view = engine.view();
        assert_eq!(K::dump(&view.of(handle).unwrap(), view.seq()).unwrap(), model);
        assert_eq!(engine.verify().unwrap().problems, Vec::<String>::new());
    }
    engine.compact().unwrap();
    engine.settle().unwrap();
    engine.close().unwrap();
    let engine = open(&env);
    assert!(engine.recovery().closed);
    let view = engine.view();
    assert_eq!(K::dump(&view.of(handle).unwrap(), view.seq()).unwrap(), model);
    assert_eq!(engine.verify().unwrap().problems, Vec::<String>::new());
}

#[test]
fn pages_work_at_all() {
    smoke::<Pages>();
}

#[test]
fn rows_work_at_all() {
    smoke::<Rows>();
}
