//! Relay: carries bytes between a strategy and its broker, and does nothing else.
//!
//! It is the floor that the gate is measured against: the least that anything in between can cost.
//! One connection each way, one buffer each way, what is read is written at once. It waits as the
//! gate does. It ends when either side does, once the other has been given what was read.

use mio::net::TcpStream;
use portcullis::sys::clock::Clock;
use portcullis::sys::poller::{Poller, Readiness};
use portcullis::units::Nanos;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};

/// Between whom, and how it waits.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where the strategy connects; port 0 takes a free one, and the address is printed.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where the broker listens.
    #[arg(long, value_name = "ADDRESS")]
    to: SocketAddr,
    /// What it does while there is nothing to do, as `threads.idle` of the gate.
    #[arg(long, value_enum, default_value_t = Idle::Park)]
    idle: Idle,
    /// Looks again for so long before it parks, as `threads.spin` of the gate.
    #[arg(long, value_parser = crate::arguments::duration, default_value = "50us")]
    spin: Nanos,
    /// The core to run on; otherwise the kernel chooses.
    #[arg(long)]
    core: Option<usize>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Idle {
    /// Looks again for a while, then sleeps until a socket wakes it.
    Park,
    /// Looks again at once, for ever.
    Spin,
}

/// One way. Its bytes wait in `buffer[start..end]`.
struct Way {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    is_readable: bool,
    is_ended: bool,
    count: u64,
}

/// Carries until either side ends.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    crate::arguments::pin(arguments.core)?;
    let listener = TcpListener::bind(arguments.listen)
        .map_err(|error| format!("--listen {}: {error}", arguments.listen))?;
    let mut out = io::stdout();
    writeln!(out, "listening on {}", listener.local_addr()?)?;
    out.flush()?;
    let (strategy, _) = listener.accept()?;
    let broker = std::net::TcpStream::connect(arguments.to)
        .map_err(|error| format!("--to {}: {error}", arguments.to))?;
    let mut poller = Poller::new(8)?;
    let sockets = poller.sockets()?;
    let mut streams = [strategy, broker].map(TcpStream::from_std);
    for (token, stream) in streams.iter_mut().enumerate() {
        stream.set_nodelay(true)?;
        socket2::SockRef::from(&*stream).set_nonblocking(true)?;
        sockets.register(stream, token)?;
    }
    let counts = carry(streams, &mut poller, arguments)?;
    println!(
        "{} bytes to the broker, {} bytes back",
        counts[0], counts[1]
    );
    Ok(())
}

fn carry(
    streams: [TcpStream; 2],
    poller: &mut Poller,
    arguments: &Arguments,
) -> Result<[u64; 2], Box<dyn Error>> {
    let [mut strategy, mut broker] = streams;
    let mut ways = [Way::new(), Way::new()];
    let mut clock = Clock::new(Nanos::ZERO);
    let mut rest_since = None;
    let mut rounds = 0u32;
    loop {
        rounds = rounds.wrapping_add(1);
        if rounds.is_multiple_of(LOOK_ROUNDS) {
            ways.iter_mut().for_each(|way| way.is_readable = true);
        }
        let count = ways[0].carry(&mut strategy, &mut broker)?
            + ways[1].carry(&mut broker, &mut strategy)?;
        if ways.iter().any(|way| way.is_ended && way.is_empty()) {
            // The other way may still hold the last answers: they are not waited for.
            let _ = (
                strategy.shutdown(Shutdown::Both),
                broker.shutdown(Shutdown::Both),
            );
            return Ok(ways.map(|way| way.count));
        }
        let mut ready = |_: usize, readiness: Readiness| {
            ways[readiness.token].is_readable |= readiness.is_readable;
        };
        if count != 0 || arguments.idle == Idle::Spin {
            rest_since = None;
            poller.poll(&mut ready)?;
            continue;
        }
        let now = clock.now();
        if now.since(*rest_since.get_or_insert(now)) < arguments.spin {
            poller.poll(&mut ready)?;
        } else if poller.park(Some(LOOK_INTERVAL), &mut ready)? == 0 {
            rounds = u32::MAX;
        }
    }
}

impl Way {
    fn new() -> Self {
        Self {
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            is_readable: true,
            is_ended: false,
            count: 0,
        }
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Reads and writes until nothing more comes, or nothing more is taken. Returns how many bytes
    /// were written.
    #[inline]
    fn carry(&mut self, from: &mut impl Read, to: &mut impl Write) -> io::Result<usize> {
        let mut count = 0;
        loop {
            if self.is_empty() && self.is_readable {
                self.read(from)?;
            }
            if self.is_empty() {
                return Ok(count);
            }
            match to.write(&self.buffer[self.start..self.end]) {
                Ok(size) => {
                    self.start += size;
                    self.count += size as u64;
                    count += size;
                }
                // An edge will tell when there is room again, on either token: both ways are tried.
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(count),
                Err(error) => return Err(error),
            }
        }
    }

    #[inline]
    fn read(&mut self, from: &mut impl Read) -> io::Result<()> {
        match from.read(&mut self.buffer) {
            Ok(size) => {
                (self.start, self.end) = (0, size);
                self.is_ended = size == 0;
                // Less than asked for is all there was: the next edge tells of more.
                self.is_readable = size == self.buffer.len();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_readable = false,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => self.is_ended = true,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

const BUFFER_BYTES: usize = 1 << 16;
/// An end that came together with the last bytes rings no bell of its own: now and then both sockets
/// are looked at in any case.
const LOOK_ROUNDS: u32 = 1 << 16;
const LOOK_INTERVAL: Nanos = Nanos::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives or takes at most so many bytes at a time, then would block once.
    struct Pipe {
        bytes: Vec<u8>,
        size_max: usize,
        blocks: bool,
    }

    impl Read for Pipe {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            let size = self.size_max.min(space.len()).min(self.bytes.len());
            if size == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            space[..size].copy_from_slice(&self.bytes[..size]);
            self.bytes.drain(..size);
            Ok(size)
        }
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.blocks = !self.blocks;
            if self.blocks {
                return Err(ErrorKind::WouldBlock.into());
            }
            let size = self.size_max.min(bytes.len());
            self.bytes.extend_from_slice(&bytes[..size]);
            Ok(size)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_byte_arrives_once_and_in_order_through_a_narrow_socket() {
        let sent: Vec<u8> = (0..300_000u32).map(|at| (at % 251) as u8).collect();
        let pipe = |bytes, size_max| Pipe {
            bytes,
            size_max,
            blocks: false,
        };
        let (mut from, mut to) = (pipe(sent.clone(), usize::MAX), pipe(Vec::new(), 1_000));
        let mut way = Way::new();
        for _ in 0..1_000 {
            way.is_readable = true;
            way.carry(&mut from, &mut to).unwrap();
        }
        assert_eq!(to.bytes, sent);
        assert_eq!(way.count, sent.len() as u64);
    }
}
