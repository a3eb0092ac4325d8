//! Money: what the core's books say beside what was paid and received, worked out apart from it.

mod cash;
mod oracle;
mod world;
