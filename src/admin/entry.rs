//! Entry: who is let in.

use crate::admin::connection::Connection;
use crate::admin::{Admin, IDLE_TIMEOUT, Session, failed};
use crate::units::Nanos;
use mio::net::UnixStream;
use std::io;

impl Admin {
    pub(super) fn accept(&mut self, now: Nanos) -> usize {
        for count in 0..ACCEPTS_MAX {
            if !self.has_callers {
                return count;
            }
            match self.socket.listener.accept() {
                Ok((stream, _)) => self.admit(stream, now),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.has_callers = false,
                Err(error) => {
                    // No file descriptor left: looked at again with the next caller.
                    tracing::warn!(%error, "an operator cannot be let in");
                    self.has_callers = false;
                    return count;
                }
            }
        }
        ACCEPTS_MAX
    }

    /// Takes a caller in, or tells him why not.
    fn admit(&mut self, stream: UnixStream, now: Nanos) {
        let mut connection = Connection::new(stream);
        match self.place(&connection.stream, now) {
            Err(problem) => connection.send(&failed(&problem)),
            Ok((place, operator)) => {
                let token = place + 1;
                if let Err(error) = self.sockets.register(&mut connection.stream, token) {
                    connection.send(&failed(&format!("the gate cannot listen to you: {error}")));
                    return;
                }
                self.sessions[place] = Some(Session {
                    connection,
                    operator,
                    waiting: None,
                    deadline: now.after(IDLE_TIMEOUT),
                    is_closing: false,
                });
            }
        }
    }

    /// A free place, and whose it would be.
    fn place(&mut self, stream: &UnixStream, now: Nanos) -> Result<(usize, u32), String> {
        let uid = (self.peers)(stream)
            .map_err(|error| format!("the kernel does not say who you are: {error}"))?;
        let operator = self.settings.uids.iter().position(|of| *of == uid);
        let Some(operator) = operator.filter(|_| uid != u32::MAX) else {
            // Nobody may fill the log by knocking.
            if self.knock_logged_at.after(KNOCK_INTERVAL) <= now {
                self.knock_logged_at = now;
                tracing::warn!(uid, "somebody who is no operator was turned away");
            }
            return Err(format!(
                "user {uid} is no operator: an [[operator]] with uid = {uid} in the configuration \
                 would make them one"
            ));
        };
        let operator = operator as u32;
        let sessions = self.sessions.iter().flatten();
        if SESSIONS_OF_ONE_MAX <= sessions.filter(|it| it.operator == operator).count() {
            return Err(format!(
                "you have {SESSIONS_OF_ONE_MAX} connections already: close one"
            ));
        }
        let free = self.sessions.iter().position(Option::is_none);
        let place = free.ok_or_else(|| "too many connections: try again".to_owned())?;
        Ok((place, operator))
    }
}

const SESSIONS_OF_ONE_MAX: usize = 8;
const ACCEPTS_MAX: usize = 16;
const KNOCK_INTERVAL: Nanos = Nanos::from_secs(10);
