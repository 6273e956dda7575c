//! Options of keyspaces as members of a JSON object.

use cuesta_engine::format::Codec;

use super::json::Json;
use crate::json::put_text;
use crate::kv::{KeyspaceEngine, KeyspaceOptions};
use crate::{Error, Result};

/// Appends the options as an object.
pub(super) fn put(all: &KeyspaceOptions, out: &mut Vec<u8>) {
    let (options, btree) = (&all.lsm, &all.btree);
    out.push(b'{');
    let numbers = match all.of_engine() {
        KeyspaceEngine::Lsm => vec![
            ("block_bytes", u64::from(options.block_bytes)),
            ("restart_interval", u64::from(options.restart_interval)),
            ("filter_bits", u64::from(options.filter_bits)),
            ("blob_threshold", u64::from(options.blob_threshold)),
        ],
        KeyspaceEngine::Btree => {
            out.extend_from_slice(b"\"engine\":\"btree\",");
            vec![
                ("page_bytes", u64::from(btree.page_bytes)),
                ("fill_percent", u64::from(btree.fill_percent)),
            ]
        }
    };
    for (name, number) in numbers {
        put_text(name, out);
        out.extend_from_slice(format!(":{number},").as_bytes());
    }
    if options.ttl_ms > 0 {
        out.extend_from_slice(format!("\"ttl_ms\":{},", options.ttl_ms).as_bytes());
    }
    if !options.merge_operator.is_empty() {
        out.extend_from_slice(b"\"merge_operator\":");
        put_text(&options.merge_operator, out);
        out.push(b',');
    }
    if all.of_engine() == KeyspaceEngine::Lsm {
        let codecs: Vec<&str> = options.codecs.iter().map(|codec| name_of(*codec)).collect();
        put_text("compression", out);
        out.push(b':');
        put_text(&codecs.join(" "), out);
    } else {
        // The comma behind the last one.
        out.pop();
    }
    out.push(b'}');
}

/// The options that an object says; what it does not say is as by default, and the engine `lsm`.
///
/// # Errors
/// `Unsupported` for options that are not known here; `Corrupt` for values that make no sense.
pub(super) fn take(members: &[(String, Json)]) -> Result<KeyspaceOptions> {
    let mut all = KeyspaceOptions::default();
    all.set_engine(KeyspaceEngine::Lsm);
    for (name, value) in members {
        let (options, btree) = (&mut all.lsm, &mut all.btree);
        let wrong = || Error::corrupt(format!("the option {name} has a value of no sense"));
        match (name.as_str(), value) {
            ("block_bytes", Json::Number(n)) => {
                options.block_bytes = u32::try_from(*n).map_err(|_| wrong())?;
            }
            ("restart_interval", Json::Number(n)) => {
                options.restart_interval = u8::try_from(*n).map_err(|_| wrong())?;
            }
            ("filter_bits", Json::Number(n)) => {
                options.filter_bits = u8::try_from(*n).map_err(|_| wrong())?;
            }
            ("blob_threshold", Json::Number(n)) => {
                options.blob_threshold = u32::try_from(*n).map_err(|_| wrong())?;
            }
            ("engine", Json::Text(name)) => {
                let engine = KeyspaceEngine::of_name(name);
                let unknown =
                    || Error::unsupported(format!("the engine {name:?} is not known here"));
                all.set_engine(engine.ok_or_else(unknown)?);
            }
            ("page_bytes", Json::Number(n)) => {
                btree.page_bytes = u32::try_from(*n).map_err(|_| wrong())?;
            }
            ("fill_percent", Json::Number(n)) => {
                btree.fill_percent = u8::try_from(*n).map_err(|_| wrong())?;
            }
            ("ttl_ms", Json::Number(n)) => all.set_ttl_ms(*n),
            ("merge_operator", Json::Text(name)) => all.set_operator(name),
            ("compression", Json::Text(text)) => {
                let codecs: Option<Vec<Codec>> = text.split(' ').map(codec_of).collect();
                let codecs = codecs.and_then(|codecs| codecs.try_into().ok());
                options.codecs = codecs.ok_or_else(wrong)?;
            }
            ("engine" | "page_bytes" | "fill_percent", _)
            | ("block_bytes" | "restart_interval" | "filter_bits", _)
            | ("blob_threshold" | "compression" | "ttl_ms" | "merge_operator", _) => {
                return Err(wrong());
            }
            _ => return Err(Error::unsupported(format!("the option {name} is not known here"))),
        }
    }
    all.sound()
}

fn name_of(codec: Codec) -> &'static str {
    match codec {
        Codec::None => "none",
        Codec::Lz4 => "lz4",
        Codec::Zstd => "zstd",
    }
}

fn codec_of(name: &str) -> Option<Codec> {
    [Codec::None, Codec::Lz4, Codec::Zstd].into_iter().find(|codec| name_of(*codec) == name)
}
