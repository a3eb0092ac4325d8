//! Receiver: an HTTP server on loopback, well or sick as it is told.

use portcullis::sys::clock::Clock;
use portcullis::units::Nanos;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver as Channel, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

/// How it answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Health {
    /// 200.
    Well,
    /// 500 so many times, or until it is healed, then 200.
    Sick(usize),
    /// Never.
    Hangs,
    /// By closing at once.
    Closes,
}

/// A request: when it was read, its head, its events.
pub(crate) struct Request {
    pub(crate) time: Nanos,
    pub(crate) head: String,
    pub(crate) events: Vec<Value>,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Channel<Request>,
    state: Arc<State>,
    thread: Option<thread::JoinHandle<()>>,
}

struct State {
    health: Health,
    answers: AtomicUsize,
    calls: AtomicUsize,
    is_over: AtomicBool,
    /// Shut down at the end, so that who reads from them ends.
    open: Mutex<Vec<TcpStream>>,
}

impl Receiver {
    pub(crate) fn start(health: Health) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::channel();
        let state = Arc::new(State {
            health,
            answers: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            open: Mutex::default(),
        });
        let of_thread = Arc::clone(&state);
        let thread = thread::spawn(move || listen(&listener, &of_thread, &sender));
        Self {
            address,
            requests,
            state,
            thread: Some(thread),
        }
    }

    /// How often somebody has connected.
    pub(crate) fn calls(&self) -> usize {
        self.state.calls.load(Ordering::Acquire)
    }

    /// From now on a sick one is well.
    pub(crate) fn heal(&self) {
        self.state.answers.store(usize::MAX / 2, Ordering::Release);
    }

    /// An address at which nobody is.
    pub(crate) fn nobody() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
        for stream in self.state.open.lock().unwrap().iter() {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn listen(listener: &TcpListener, state: &Arc<State>, sender: &Sender<Request>) {
    let mut threads = Vec::new();
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        if state.is_over.load(Ordering::Acquire) {
            break;
        }
        state.calls.fetch_add(1, Ordering::AcqRel);
        if state.health == Health::Closes {
            continue;
        }
        let kept = stream.try_clone().unwrap();
        state.open.lock().unwrap().push(kept);
        let (state, sender) = (Arc::clone(state), sender.clone());
        threads.push(thread::spawn(move || {
            let mut clock = Clock::new(Nanos::ZERO);
            while answer(&stream, &state, &sender, &mut clock).is_some() {}
        }));
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

/// One request of a connection; `None` at its end.
fn answer(
    stream: &TcpStream,
    state: &State,
    sender: &Sender<Request>,
    clock: &mut Clock,
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_lowercase();
    let size = lower.split("content-length: ").nth(1)?;
    let mut body = vec![0; size.split("\r\n").next()?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let status = match state.health {
        Health::Hangs => return Some(()),
        Health::Sick(count) if state.answers.fetch_add(1, Ordering::AcqRel) < count => {
            "500 Internal Server Error"
        }
        _ => "200 OK",
    };
    if status == "200 OK" {
        let events = serde_json::from_slice(&body).expect("an array");
        let time = clock.now();
        let _ = sender.send(Request { time, head, events });
    }
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok");
    let mut stream = stream;
    stream.write_all(answer.as_bytes()).ok()
}
