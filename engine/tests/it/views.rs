//! Views: what they show, what they hold, and when they expire.

use cuesta_engine::{Durability, ErrorKind, Options};

use crate::world::{Shape, World, small};

#[test]
fn a_view_never_changes() {
    for seed in 0..10 {
        let mut world = World::of_all(seed, small());
        let mut views = Vec::new();
        for round in 0..30u32 {
            world.fill(round * 37 % 300, 30, Durability::Buffered);
            views.push((world.engine.view(), world.model.clone()));
            match (round + seed as u32) % 6 {
                0 => world.engine.flush().unwrap(),
                1 => _ = world.engine.rotate().unwrap(),
                2 => world.engine.compact().unwrap(),
                3 => world.settle(),
                4 => drop(views.swap_remove(round as usize % views.len())),
                _ => {
                    world.env.step_one();
                }
            }
            for (view, model) in &views {
                model.check(view);
            }
        }
        views.clear();
        world.settle();
        world.check_deeply();
    }
}

#[test]
fn a_view_has_one_clock_and_clocks_never_go_back() {
    let mut world = World::of_all(1, small());
    let mut last = 0;
    for round in 0..20 {
        world.env.advance(std::time::Duration::from_millis(5));
        world.fill(round, 1, Durability::Sync);
        let view = world.engine.view();
        let clock = view.clock_ms();
        assert!(clock >= last && clock > 1_767_225_600_000);
        last = clock;
        world.env.advance(std::time::Duration::from_millis(5));
        world.fill(round, 1, Durability::Sync);
        assert_eq!(view.clock_ms(), clock);
        if round == 10 {
            drop(view);
            // The clock of the next process starts anew, years before.
            world = world.kill();
            assert!(world.engine.view().clock_ms() >= last);
        }
    }
}

#[test]
fn the_oldest_views_expire_when_views_hold_too_much() {
    let options = Options {
        view_budget: 40 << 10,
        // One view may hold what memtables may take: have them take little.
        memory_budget: 1 << 20,
        ..small()
    };
    let limit = options.write_buffer_bytes().max(options.view_budget);
    let mut world = World::of_all(2, options);
    let mut views = Vec::new();
    for round in 0..200u32 {
        // Memory that nobody but this view keeps, soon.
        world.fill(round * 37 % 300, 60, Durability::None);
        views.push((world.engine.view(), world.model.clone()));
        world.engine.flush().unwrap();
        let held = world.engine.gauges().views;
        assert!(held.bytes <= limit, "{} bytes are held", held.bytes);
        assert_eq!(held.views, views.iter().filter(|(view, _)| !view.is_expired()).count());
    }
    let expired = views.iter().filter(|(view, _)| view.is_expired()).count();
    assert!(expired > 20 && expired < 190, "{expired} views have expired");
    // The oldest, and no other.
    assert!(views.iter().map(|(view, _)| !view.is_expired()).is_sorted());
    let stat = &world.engine.stats().views_expired;
    assert_eq!(stat.load(std::sync::atomic::Ordering::Relaxed), expired as u64);
    for (view, model) in &views {
        match view.check() {
            Ok(()) => model.check(view),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Expired);
                let id = world.id("rows");
                let error = Shape::Rows.dump(view, id).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Expired);
                assert!(error.message().contains(&format!("commit {}", view.seq())), "{error}");
                assert_eq!(view.catalog().unwrap_err().kind(), ErrorKind::Expired);
                let state = view.state(id).map(|_| ());
                assert_eq!(state.unwrap_err().kind(), ErrorKind::Expired);
            }
        }
    }
    world.fill(0, 10, Durability::Sync);
    world.check();
    drop(views);
    assert_eq!(world.engine.gauges().views.views, 0);
    assert_eq!(world.engine.gauges().views.bytes, 0);
    world.settle();
    world.check_deeply();
}

#[test]
fn gauges_say_what_views_hold() {
    let mut world = World::of_all(3, small());
    world.fill(0, 30, Durability::Sync);
    let views = |world: &World| world.engine.gauges().views;
    assert_eq!((views(&world).views, views(&world).oldest), (0, None));
    let first = world.engine.view();
    let again = first.clone();
    assert_eq!((views(&world).views, views(&world).oldest), (1, Some(first.seq())));
    assert_eq!(views(&world).bytes, 0, "the present holds it anyway");
    world.fill(0, 30, Durability::Sync);
    world.engine.flush().unwrap();
    let second = world.engine.view();
    assert_eq!((views(&world).views, views(&world).oldest), (2, Some(first.seq())));
    assert!(views(&world).bytes > 1000);
    drop(first);
    assert_eq!(views(&world).views, 2);
    drop(again);
    assert_eq!((views(&world).views, views(&world).oldest), (1, Some(second.seq())));
    assert_eq!(views(&world).bytes, 0);
}
