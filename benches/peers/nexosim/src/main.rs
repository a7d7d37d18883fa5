//! The scenario mm1 on nexosim: a client, a server with one worker and a queue, exponential links both ways, and a timeout of
//! 5 s that every request arms and disarms. One thread; prints the processor's time per request and the mean response.

use nexosim::Message;
use nexosim::model::{Context, Model, schedulable};
use nexosim::ports::Output;
use nexosim::simulation::{EventKey, Mailbox, SimInit, SimulationError};
use nexosim::time::MonotonicTime;
use rand_distr::{Distribution, Exp1};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const GAP: f64 = 1.0 / 800.0;
const WORK: f64 = 0.001;
const LINK: f64 = 0.0002;
const TIMEOUT: Duration = Duration::from_secs(5);

static ANSWERED: AtomicU64 = AtomicU64::new(0);
static TIMED_OUT: AtomicU64 = AtomicU64::new(0);
static NANOS: AtomicU64 = AtomicU64::new(0);

#[derive(Clone, Copy, Message, Serialize, Deserialize)]
struct Request {
    slot: usize,
    sent: MonotonicTime,
}

fn draw(rng: &mut Xoshiro256PlusPlus, mean: f64) -> Duration {
    let unit: f64 = Exp1.sample(rng);
    Duration::from_nanos(((unit * mean * 1e9) as u64).max(1))
}

#[derive(Serialize, Deserialize)]
struct Client {
    to_server: Output<Request>,
    left: u64,
    rng: Xoshiro256PlusPlus,
    timers: Vec<Option<EventKey>>,
    free: Vec<usize>,
}

#[Model]
impl Client {
    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        let gap = draw(&mut self.rng, GAP);
        cx.schedule_event(gap, schedulable!(Self::arrives), ()).unwrap();
    }

    #[nexosim(schedulable)]
    async fn arrives(&mut self, _: (), cx: &Context<Self>) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.timers.push(None);
            self.timers.len() - 1
        });
        self.timers[slot] = Some(cx.schedule_keyed_event(TIMEOUT, schedulable!(Self::times_out), slot).unwrap());
        let link = draw(&mut self.rng, LINK);
        cx.schedule_event(link, schedulable!(Self::deliver), Request { slot, sent: cx.time() }).unwrap();
        self.left -= 1;
        if self.left > 0 {
            let gap = draw(&mut self.rng, GAP);
            cx.schedule_event(gap, schedulable!(Self::arrives), ()).unwrap();
        }
    }

    #[nexosim(schedulable)]
    async fn deliver(&mut self, request: Request) {
        self.to_server.send(request).await;
    }

    #[nexosim(schedulable)]
    async fn times_out(&mut self, slot: usize) {
        self.timers[slot] = None;
        TIMED_OUT.fetch_add(1, Relaxed);
    }

    async fn answer(&mut self, request: Request, cx: &Context<Self>) {
        if let Some(timer) = self.timers[request.slot].take() {
            timer.cancel();
        }
        self.free.push(request.slot);
        ANSWERED.fetch_add(1, Relaxed);
        NANOS.fetch_add(cx.time().duration_since(request.sent).as_nanos() as u64, Relaxed);
    }
}

#[derive(Serialize, Deserialize)]
struct Server {
    to_client: Output<Request>,
    rng: Xoshiro256PlusPlus,
    waiting: VecDeque<Request>,
    busy: bool,
}

#[Model]
impl Server {
    async fn input(&mut self, request: Request, cx: &Context<Self>) {
        if self.busy {
            self.waiting.push_back(request);
        } else {
            self.busy = true;
            self.begin(request, cx);
        }
    }

    fn begin(&mut self, request: Request, cx: &Context<Self>) {
        let work = draw(&mut self.rng, WORK);
        cx.schedule_event(work, schedulable!(Self::done), request).unwrap();
    }

    #[nexosim(schedulable)]
    async fn done(&mut self, request: Request, cx: &Context<Self>) {
        let link = draw(&mut self.rng, LINK);
        cx.schedule_event(link, schedulable!(Self::deliver), request).unwrap();
        match self.waiting.pop_front() {
            Some(next) => self.begin(next, cx),
            None => self.busy = false,
        }
    }

    #[nexosim(schedulable)]
    async fn deliver(&mut self, request: Request) {
        self.to_client.send(request).await;
    }
}

fn main() -> Result<(), SimulationError> {
    let requests: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let rng = Xoshiro256PlusPlus::seed_from_u64;
    let mut client = Client { to_server: Output::default(), left: requests, rng: rng(1), timers: vec![], free: vec![] };
    let mut server = Server { to_client: Output::default(), rng: rng(2), waiting: VecDeque::new(), busy: false };
    let (at_client, at_server) = (Mailbox::new(), Mailbox::new());
    client.to_server.connect(Server::input, &at_server);
    server.to_client.connect(Client::answer, &at_client);
    let bench = SimInit::with_num_threads(1).add_model(client, at_client, "client").add_model(server, at_server, "server");
    let mut simulation = bench.init(MonotonicTime::EPOCH)?;
    let began = cpu_nanoseconds();
    simulation.run()?;
    let took = cpu_nanoseconds() - began;
    let answered = ANSWERED.load(Relaxed);
    println!(
        "nexosim requests={answered} timed_out={} mean_ms={:.4} ns_per_request={}",
        TIMED_OUT.load(Relaxed),
        NANOS.load(Relaxed) as f64 / answered as f64 / 1e6,
        took / answered
    );
    Ok(())
}

/// The processor's time of this process and all its threads.
fn cpu_nanoseconds() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux tells about threads there");
    let of_task = |path: std::path::PathBuf| -> u64 {
        let text = std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
        text.split_whitespace().next().and_then(|figure| figure.parse().ok()).unwrap_or(0)
    };
    tasks.flatten().map(|task| of_task(task.path())).sum()
}
