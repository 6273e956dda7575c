//! `stats`, `verify`, `compact`, `inspect`, `bench`, and the demo with little data.

use crate::program::Desk;

fn filled() -> Desk {
    let desk = Desk::new();
    let rows: String =
        (0..3000).map(|n| format!("{{\"id\":{n},\"text\":\"the text of row {n}\"}}\n")).collect();
    desk.run_with(&["import", "db", "rows", "-"], rows.as_bytes()).good();
    desk.text("put db notes a 1");
    desk
}

#[test]
fn sizes_and_counters_are_told() {
    let desk = filled();
    let stats = desk.json("stats db");
    assert_eq!(stats["recovery"]["closed"], true);
    assert_eq!(stats["keyspaces"][0]["name"], "rows");
    assert!(stats["disk"]["total_bytes"].as_u64().unwrap() > 0);
    assert!(stats["gauges"]["commit"].as_u64().unwrap() >= 6, "{stats}");
    assert!(stats["counters"]["commits"].is_u64());
    assert!(stats["latencies"]["commit_time"]["p99_seconds"].is_f64());
    let text = desk.text("stats db");
    assert!(text.contains("disk_bytes ") && text.contains("keyspace \"rows\" "), "{text}");
}

#[test]
fn a_sound_database_is_verified_and_compacted() {
    let desk = filled();
    let report = desk.json("verify db");
    assert_eq!(report["sound"], true);
    assert_eq!(report["problems"].as_array().unwrap().len(), 0);
    assert_eq!(report["keyspaces"], 2);
    let compacted = desk.json("compact db");
    assert!(compacted["after"]["data_bytes"].as_u64().unwrap() > 0, "{compacted}");
    assert!(desk.text("compact db").starts_with("data "));
    let report = desk.json("verify db");
    assert_eq!((report["sound"].as_bool(), report["entries"].as_u64()), (Some(true), Some(3001)));
    assert!(desk.text("verify db").starts_with("2 keyspaces, "));
}

#[test]
fn every_file_of_a_database_is_explained() {
    let desk = filled();
    desk.text("put db tree a 1 --engine btree --ttl 1h");
    desk.text("compact db");
    desk.text("put db notes b 2");
    let mut kinds = Vec::new();
    for name in desk.files("db") {
        let told = desk.json(&format!("inspect db/{name}"));
        assert_ne!(told["lines"].as_array().unwrap().len(), 0, "{name}");
        kinds.push(told["kind"].as_str().unwrap().to_owned());
    }
    for kind in ["identity", "manifest", "log", "segments", "lock"] {
        assert!(kinds.iter().any(|told| told == kind), "{kinds:?}");
    }
    let segments: String = desk
        .files("db")
        .iter()
        .filter(|name| name.ends_with(".seg"))
        .map(|name| desk.text(&format!("inspect db/{name}")))
        .collect();
    assert!(segments.contains("of \"rows\""), "{segments}");
    assert!(segments.contains("  from 0 to 999"), "{segments}");
    assert!(segments.contains("of \"tree\", format 1, 1 entries up to commit"), "{segments}");
    assert!(segments.contains("  1 level of nodes, the top in page 1"), "{segments}");
    assert!(segments.contains("  1 entries expire"), "{segments}");
    let text = desk.text("inspect db");
    assert!(text.contains("index 1 \"rows\" of type lsm: 1 segment of"), "{text}");
    assert!(!text.contains("not in the manifest"), "{text}");
    assert_eq!(desk.json("inspect db --limit 2")["lines"].as_array().unwrap().len(), 2);
    assert!(desk.text("inspect db --limit 1").contains(" lines more"));
}

#[test]
fn a_damaged_file_is_explained_as_far_as_it_goes() {
    let desk = filled();
    for name in desk.files("db") {
        let path = desk.path("db").join(&name);
        let whole = std::fs::read(&path).unwrap();
        for bytes in [&whole[..whole.len() / 2], b"", b"nonsense"] {
            std::fs::write(&path, bytes).unwrap();
            let outcome = desk.run(&format!("inspect db/{name}"));
            assert!(matches!(outcome.code, 0 | 3), "{name}: {outcome:?}");
        }
        std::fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn dropping_a_keyspace_gives_its_files_back() {
    let desk = filled();
    desk.text("compact db");
    desk.text("keyspaces db drop rows");
    desk.text("keyspaces db drop notes");
    let files = desk.files("db");
    assert!(!files.iter().any(|name| name.ends_with(".seg")), "{files:?}");
}

#[test]
fn every_workload_is_measured_and_leaves_nothing() {
    let desk = Desk::new();
    let all = desk.json("bench there --keys 500 --value-bytes 40 --threads 2");
    let results = all["results"].as_array().unwrap();
    assert_eq!(results.len(), 14);
    for result in results {
        let ops = result["ops"].as_u64().unwrap();
        let per_op = if result["workload"] == "scan-full" { 500 } else { 1 };
        assert!(ops >= 2 && result["entries"].as_u64().unwrap() >= ops * per_op, "{result}");
        for figure in ["ops_per_second", "ops_per_cpu_second", "p50_seconds", "p999_seconds"] {
            assert!(result[figure].as_f64().unwrap() > 0.0, "{result}");
        }
    }
    assert_eq!(results[10]["threads"], 8);
    assert!(results[11]["conflicts"].as_u64().is_some(), "{}", results[11]);
    for cached in &results[12..] {
        // About a quarter; how threads take turns moves it by some hundredths.
        let rate = cached["hit_rate"].as_f64().unwrap();
        assert!(rate > 0.1 && rate < 0.5, "{cached}");
    }
    assert_eq!(desk.files("there"), [""; 0]);
    let text = desk.text("bench there --keys 100 --workload read-hit,fill-seq");
    let names: Vec<_> = text.lines().skip(3).map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["fill-seq", "read-hit"]);
}

#[test]
fn the_demo_holds_with_little_data() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("data")).unwrap();
    let zstd = |name: &str, text: &str| {
        desk.write(&format!("data/{name}"), zstd::encode_all(text.as_bytes(), 1).unwrap());
    };
    zstd("airlines.csv.zst", "carrier,name\nUA,United\n");
    zstd("airports.ndjson.zst", "{\"faa\":\"SFO\",\"name\":\"San Francisco Intl\"}\n");
    zstd("planes.csv.zst", "tailnum,year\nN1,1999\n");
    let weather = "{\"id\":\"JFK/2013-07-04T04\",\"temp\":70.5,\"visib\":10.0}\n";
    zstd("weather.ndjson.zst", weather);
    let mut flights = "id,dep_delay,carrier,tailnum,origin,dest\n".to_owned();
    for (number, day) in
        ["07-04", "07-05", "12-01", "12-31"].iter().cycle().enumerate().take(20_000)
    {
        flights += &format!("2013-{day}T05:15/UA{number:05}/JFK,{number},UA,N1,JFK,SFO\n");
    }
    zstd("flights.csv.zst", &flights);

    let figures = desk.json("demo db --data data");
    assert_eq!(figures["load"]["rows"]["flights"], 20_000);
    assert_eq!(figures["read"]["route_flights"], 20_000);
    assert_eq!(figures["snapshot"]["rows"], 10_000);
    assert_eq!(figures["kill"]["kills"], 8);
    let acknowledged = figures["kill"]["acknowledged_commits"].as_u64().unwrap();
    assert!((1..=200).contains(&acknowledged), "{figures}");
    assert_eq!(figures["upkeep"]["entries"], 2 * 20_000 + 4);
    assert_eq!(desk.json("verify db")["sound"], true);
    assert_eq!(desk.json("keyspaces db")["keyspaces"].as_array().unwrap().len(), 6);
}
