//! The engine under test: index types behind the seam, on a simulated and on a real disk.

#[path = "../kinds/mod.rs"]
mod kinds;

mod smoke;
