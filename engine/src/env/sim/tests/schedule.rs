use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use super::*;
use crate::env::JobState;

type Log = Arc<Mutex<Vec<String>>>;

/// A job made of a closure.
struct Steps<F>(Arc<Event>, F);

impl<F: FnMut() -> JobState + Send> Job for Steps<F> {
    fn step(&mut self) -> JobState {
        (self.1)()
    }

    fn event(&self) -> Arc<Event> {
        Arc::clone(&self.0)
    }
}

fn spawn(
    env: &SimEnv,
    name: &str,
    event: &Arc<Event>,
    step: impl FnMut() -> JobState + Send + 'static,
) -> Arc<dyn Running> {
    env.spawn(name, Box::new(Steps(Arc::clone(event), step)))
}

/// Three jobs and three tasks that write files and wait for each other; what they did and when.
fn run(seed: u64) -> (Vec<String>, u64, Vec<String>) {
    let env = SimEnv::new(seed);
    let log: Log = Log::default();
    let event = Arc::new(Event::new());
    for name in ["x", "y", "z"] {
        let (world, log, moved) = (Arc::clone(&env), Arc::clone(&log), Arc::clone(&event));
        let file = create(env.disk(), name);
        let mut left = 10;
        spawn(&env, name, &event, move || {
            let seen = moved.epoch();
            file.write_all_at(left, &world.rand64().to_le_bytes()).unwrap();
            log.lock().unwrap().push(format!("{name} {left} at {:?}", world.now()));
            left -= 1;
            match left {
                0 => JobState::Done,
                1..4 => JobState::Again,
                _ => JobState::WaitUntil(seen, world.now() + Duration::from_millis(5)),
            }
        });
    }
    let tasks: Vec<Task<'_>> = (0..3)
        .map(|task| {
            let (log, event) = (&log, &event);
            let mut left = 8;
            Box::new(move || {
                log.lock().unwrap().push(format!("task {task} {left}"));
                left -= 1;
                match left {
                    0 => TaskState::Done,
                    4 => TaskState::Wait(Arc::clone(event), event.epoch().saturating_sub(1)),
                    _ => {
                        event.notify();
                        TaskState::Again
                    }
                }
            }) as Task<'_>
        })
        .collect();
    env.run_tasks(tasks);
    env.wait(&Event::new(), 0, Some(Duration::from_secs(1)));
    let log = log.lock().unwrap().clone();
    (log, env.disk().content_hash(), env.disk().trace())
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let mut different = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let once = run(seed);
        assert_eq!(once, run(seed));
        assert_eq!(once.0.len(), 3 * 10 + 3 * 8);
        different.insert(once.0);
    }
    assert_eq!(different.len(), 50, "other seeds give other runs");
}

#[test]
fn numbers_and_clocks_come_from_the_seed() {
    let draw = |seed| {
        let env = SimEnv::new(seed);
        (env.rand64(), env.rand64(), env.now(), env.wall_ms())
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1).0, draw(2).0);
    assert_eq!(draw(1).3, 1_767_225_600_000);
}

#[test]
fn the_clock_jumps_to_what_is_waited_for() {
    let env = SimEnv::new(1);
    env.wait(&Event::new(), 0, Some(Duration::from_secs(3600)));
    assert!(env.now() < Duration::from_secs(3601));
    assert_eq!(env.wall_ms(), 1_767_225_600_000 + 3_600_000);
    let event = Arc::new(Event::new());
    let at = env.now() + Duration::from_secs(60);
    let woken = Arc::clone(&event);
    let world = Arc::clone(&env);
    spawn(&env, "bell", &event, move || {
        if world.now() < at {
            return JobState::WaitUntil(woken.epoch(), at);
        }
        woken.notify();
        JobState::Done
    });
    env.wait(&event, 0, Some(Duration::from_secs(600)));
    assert!(env.now() < at + Duration::from_secs(1));
    env.advance(Duration::from_secs(5));
    assert!(env.now() > at + Duration::from_secs(5));
}

#[test]
fn a_wait_for_what_has_happened_runs_nothing() {
    let env = SimEnv::new(1);
    let event = Arc::new(Event::new());
    spawn(&env, "idle", &event, || JobState::Again);
    event.notify();
    env.wait(&event, 0, None);
    assert_eq!(env.steps(), 0);
}

#[test]
fn a_time_limit_ends_a_wait_while_jobs_run() {
    let env = SimEnv::new(1);
    spawn(&env, "busy", &Arc::new(Event::new()), || JobState::Again);
    env.wait(&Event::new(), 0, Some(Duration::from_millis(1)));
    assert!(env.steps() > 10);
}

#[test]
fn a_deadlock_is_told_with_the_names_of_the_jobs() {
    let env = SimEnv::new(1);
    let event = Arc::new(Event::new());
    let running = spawn(&env, "sleeper", &event, || JobState::Wait(0));
    let waits: [&dyn Fn(); 3] = [&|| env.wait(&Event::new(), 0, None), &|| running.join(), &|| {
        env.run_tasks(vec![Box::new(|| TaskState::Wait(Arc::new(Event::new()), 0))])
    }];
    for wait in waits {
        let panic = catch_unwind(AssertUnwindSafe(wait)).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.contains("deadlock in simulation") && text.contains("sleeper"), "{text}");
    }
}

#[test]
fn a_job_that_waits_lets_others_run_but_not_itself() {
    let env = SimEnv::new(1);
    let (outer, inner) = (Arc::new(Event::new()), Arc::new(Event::new()));
    let depth = Arc::new(Mutex::new(0));
    let (world, moved) = (Arc::clone(&env), Arc::clone(&inner));
    let waiter = spawn(&env, "outer", &outer, move || {
        let mut depth = depth.try_lock().expect("a job is not stepped within its own step");
        *depth += 1;
        world.wait(&moved, 0, None);
        JobState::Done
    });
    let moved = Arc::clone(&inner);
    spawn(&env, "inner", &inner, move || {
        moved.notify();
        JobState::Done
    });
    waiter.join();
    assert_eq!(inner.epoch(), 1);
    assert!(!env.step_one());
}

#[test]
fn jobs_can_spawn_and_join_jobs() {
    let env = SimEnv::new(1);
    let event = Arc::new(Event::new());
    let (world, moved) = (Arc::clone(&env), Arc::clone(&event));
    let parent = spawn(&env, "parent", &event, move || {
        let signal = Arc::clone(&moved);
        let child = spawn(&world, "child", &moved, move || {
            signal.notify();
            JobState::Done
        });
        child.join();
        assert_eq!(moved.epoch(), 1);
        JobState::Done
    });
    parent.join();
}

#[test]
fn every_job_that_can_run_gets_its_turn() {
    let env = SimEnv::new(9);
    let log: Log = Log::default();
    for name in ["a", "b", "c", "d"] {
        let log = Arc::clone(&log);
        spawn(&env, name, &Arc::new(Event::new()), move || {
            log.lock().unwrap().push(name.to_owned());
            JobState::Again
        });
    }
    (0..400).for_each(|_| assert!(env.step_one()));
    for name in ["a", "b", "c", "d"] {
        let turns = log.lock().unwrap().iter().filter(|turn| *turn == name).count();
        assert!((60..140).contains(&turns), "{name} had {turns} turns");
    }
}

#[test]
fn idle_means_that_nothing_can_run_now() {
    let env = SimEnv::new(1);
    let event = Arc::new(Event::new());
    let mut left = 5;
    let running = spawn(&env, "five", &event, move || {
        left -= 1;
        if left == 0 { JobState::WaitUntil(0, Duration::from_secs(9)) } else { JobState::Again }
    });
    env.run_until_idle();
    assert_eq!(env.steps(), 5);
    drop(running);
}

#[test]
fn killed_jobs_are_dropped_and_count_as_ended() {
    let env = SimEnv::new(1);
    let event = Arc::new(Event::new());
    let held = Arc::new(());
    let (world, keep) = (Arc::clone(&env), Arc::clone(&held));
    let running = spawn(&env, "cycle", &event, move || {
        _ = (&world, &keep);
        JobState::Wait(0)
    });
    env.run_until_idle();
    env.kill();
    assert_eq!(Arc::strong_count(&held), 1);
    assert_eq!(Arc::strong_count(&env), 1);
    running.join();
}

#[test]
fn a_job_can_kill_its_own_process() {
    let env = SimEnv::new(1);
    let world = Arc::clone(&env);
    spawn(&env, "suicide", &Arc::new(Event::new()), move || {
        world.kill();
        JobState::Again
    });
    env.run_until_idle();
    assert_eq!(Arc::strong_count(&env), 1);
}
