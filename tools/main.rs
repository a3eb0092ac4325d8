//! Tools beside the gateway: load, measurements, and real market data.

mod arguments;
mod burst;
mod child;
mod exchange;
mod ids;
mod latency;
mod link;
mod load;
mod lobster;
mod play;
mod relay;
mod rest;
mod schedule;
mod session;
mod wire;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Tools beside the gateway.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Debug, Subcommand)]
enum Tool {
    /// Say what a strategy whose every order is refused costs another one that sends steadily.
    Burst(burst::Arguments),
    /// Serve a simulated exchange, which outlives the gate and writes down what it saw.
    Exchange(exchange::Arguments),
    /// Send orders at a rate that does not wait for the gate, and say how long the answers took.
    Load(load::Arguments),
    /// Turn a day of LOBSTER order events into a scenario for `portcullis try`.
    Lobster(lobster::Arguments),
    /// Play a day of LOBSTER order events to a gate, as a strategy would have sent them.
    Play(play::Arguments),
    /// Carry bytes between a strategy and its broker and do nothing else: the floor of a measurement.
    Relay(relay::Arguments),
    /// Say what a gate costs while nothing happens, and what the first order after that takes.
    Rest(rest::Arguments),
    /// Time orders and reports from socket to socket, through the gate and through the relay in turn.
    Wire(wire::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().tool {
        Tool::Burst(arguments) => burst::run(&arguments),
        Tool::Exchange(arguments) => exchange::run(&arguments),
        Tool::Load(arguments) => load::run(&arguments),
        Tool::Lobster(arguments) => lobster::run(&arguments),
        Tool::Play(arguments) => play::run(&arguments),
        Tool::Relay(arguments) => relay::run(&arguments),
        Tool::Rest(arguments) => rest::run(&arguments),
        Tool::Wire(arguments) => wire::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portcullis-tools: {error}");
            ExitCode::FAILURE
        }
    }
}
