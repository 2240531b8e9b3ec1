//! A network between a Redis server and its clients, as bad as a test wants it.

use std::io::{ErrorKind, Read as _, Result, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use crate::frames;

/// Passes on what clients and server say to each other. Dropping it cuts them off.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    network: Arc<Network>,
}

#[derive(Debug, Default)]
struct Network {
    weather: Mutex<Weather>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Weather {
    delay: Duration,
    is_stopped: bool,
    is_deaf: bool,
    is_over: bool,
    /// How many messages were dropped.
    dropped: usize,
    /// Both ends of each connection.
    open: Vec<[TcpStream; 2]>,
}

impl Proxy {
    /// In front of that server, for as many connections as it takes.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let network = Arc::new(Network::default());
        thread::spawn({
            let network = network.clone();
            move || {
                for client in listener.incoming() {
                    if network.weather().is_over {
                        return;
                    }
                    // A client whose connection comes to nothing sees that it is closed.
                    let _ = client.and_then(|client| network.join(client, server));
                }
            }
        });
        Proxy { address, network }
    }

    /// Where the server seems to be.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// From now on each piece of what is said takes that much longer, in either direction.
    pub fn delay(&self, by: Duration) {
        self.network.weather().delay = by;
    }

    /// Closes all connections. New ones are welcome.
    pub fn cut(&self) {
        for ends in self.network.weather().open.drain(..) {
            close(&ends);
        }
    }

    /// Passes nothing on any more, and says so to nobody.
    pub fn stop(&self) {
        self.network.weather().is_stopped = true;
    }

    /// Passes on what was said meanwhile, and what comes.
    pub fn resume(&self) {
        self.network.weather().is_stopped = false;
        self.network.changed.notify_all();
    }

    /// From now on drops every message of a channel on its way from the server, and nothing else. Clients have to speak
    /// RESP3, in which a message is no answer to anything.
    pub fn drop_messages(&self) {
        self.network.weather().is_deaf = true;
    }

    /// How many messages were dropped.
    pub fn dropped(&self) -> usize {
        self.network.weather().dropped
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.network.weather().is_over = true;
        self.resume();
        self.cut();
        // Whoever accepts looks up only when somebody comes.
        let _ = TcpStream::connect(self.address);
    }
}

impl Network {
    fn weather(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().expect("no panic under it")
    }

    fn join(self: &Arc<Self>, client: TcpStream, server: SocketAddr) -> Result<()> {
        let server = TcpStream::connect(server)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        self.weather().open.push([client.try_clone()?, server.try_clone()?]);
        let ways = [(client.try_clone()?, server.try_clone()?, false), (server, client, true)];
        for (from, to, is_from_server) in ways {
            let network = self.clone();
            thread::spawn(move || {
                // It ends when either side does, or is cut off: both hear of it.
                let _ = network.pass_on(&from, &to, is_from_server);
                close(&[from, to]);
            });
        }
        Ok(())
    }

    fn pass_on(&self, mut from: &TcpStream, mut to: &TcpStream, is_from_server: bool) -> Result<()> {
        let (mut buffer, mut said) = (vec![0; 1 << 16], Vec::new());
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => said.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let delay = self.weather().delay;
            thread::sleep(delay);
            let mut weather = self.weather();
            while weather.is_stopped {
                weather = self.changed.wait(weather).expect("no panic under it");
            }
            let passed = if is_from_server {
                let (passed, dropped) = frames::whole(&mut said, weather.is_deaf);
                weather.dropped += dropped;
                passed
            } else {
                std::mem::take(&mut said)
            };
            drop(weather);
            to.write_all(&passed)?;
        }
    }
}

fn close(ends: &[TcpStream; 2]) {
    for end in ends {
        // Fails when the other side was faster.
        let _ = end.shutdown(Shutdown::Both);
    }
}
