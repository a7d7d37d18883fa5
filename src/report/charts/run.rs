//! The charts of one run.

use super::heat;
use super::queues;
use super::services::{self, MOST_PANELS};
use super::windows::{self, Lens, highest};
use super::{Across, Chart, Panel, Range, Series, Span, TimeAxis, Unit, faults, palette, spans};
use super::{spread, totals};
use crate::observe::recording::{EdgeRecord, Recording};
use crate::topology::Topology;

/// Latency, traffic, the services' queues, utilization and latency; messages in queues, breakers and retries if there were any.
pub fn of_run(topology: &Topology, recording: &Recording, variant: Option<&str>) -> Vec<Chart> {
    let sheet = Sheet::new(topology, recording, variant);
    // The client that the model is about comes first.
    let mut clients: Vec<usize> = (0..recording.clients.len()).collect();
    clients.sort_by_key(|c| std::cmp::Reverse(recording.clients[*c].offered));
    clients.truncate(MOST_PANELS);
    let other_clients = left_out_of(recording.clients.len(), "clients");
    let (shown, left_out) = services::interesting(&sheet);
    let other_services = services_left_out(left_out);
    let limited: Vec<usize> = shown.iter().copied().filter(|s| services::is_limited(&recording.services[*s])).collect();
    // Where nobody ever waits there is nothing to see.
    let waits = recording.services.iter().flat_map(|s| &s.windows).any(|w| w.queue > 0.0);
    let queued = if waits { shown.clone() } else { Vec::new() };
    let unlimited = match shown.len() - limited.len() {
        0 => other_services.clone(),
        n => format!("{other_services}Without a limit on workers, and so without utilization: {n}."),
    };
    let brokers: Vec<usize> = (0..topology.brokers.brokers.len().min(MOST_PANELS)).collect();
    let other_queues = format!("{}{}", queues::left_out(&sheet), left_out_of(topology.brokers.brokers.len(), "brokers"));
    let (hit, fewer_hit) = spread::hit(&sheet);
    let (opened, fewer_opened) = edges(&sheet, |e| e.breaker_opened);
    let (retried, fewer_retried) = edges(&sheet, |e| e.retries);
    [
        sheet.chart(("latency", "Latency seen by clients"), sheet.panels(&clients, latency), other_clients.clone()),
        sheet.spread(&clients, other_clients.clone()),
        heat::chart(&sheet, &clients, &other_clients),
        totals::percentiles(&sheet),
        sheet.chart(("traffic", "Traffic of clients"), sheet.panels(&clients, traffic), other_clients),
        totals::load_and_goodput(&sheet),
        sheet.rows(("blast-radius", "Blast radius: useful answers that are missing"), hit, fewer_hit),
        sheet.chart(("services-queue", "Queues of services"), sheet.panels(&queued, services::queue), other_services.clone()),
        sheet.chart(("services-utilization", "Utilization of services"), sheet.panels(&limited, services::utilized), unlimited),
        sheet.chart(("services-latency", "Latency of services"), sheet.panels(&shown, services::latency), other_services),
        sheet.chart(("messages-waiting", "Messages waiting in queues"), sheet.panels(&brokers, queues::waiting), other_queues),
        sheet.strips(("breakers", "Circuit breakers that are open"), &opened, fewer_opened),
        sheet.chart(("retries", "Attempts per call"), sheet.panels(&retried, attempts), fewer_retried),
        sheet.chart(
            ("amplification", "Amplification by depth of calls"),
            spread::amplification(&sheet).into_iter().collect(),
            spread::AMPLIFICATION.into(),
        ),
    ]
    .into_iter()
    .filter(|chart| !chart.panels.is_empty())
    .collect()
}

/// What all charts of a run have in common.
pub struct Sheet<'a> {
    pub topology: &'a Topology,
    pub recording: &'a Recording,
    variant: Option<&'a str>,
    pub time: TimeAxis,
    pub spans: Vec<Span>,
    /// For panels over the whole width, and for small ones.
    pub wide: Lens,
    small: Lens,
}

impl<'a> Sheet<'a> {
    fn new(topology: &'a Topology, recording: &'a Recording, variant: Option<&'a str>) -> Sheet<'a> {
        let time = windows::time_axis(topology, recording);
        let spans = spans::of_run(topology, recording, time);
        let (wide, small) = (Lens::of(recording, windows::MOST), Lens::of(recording, windows::MOST / 2));
        Sheet { topology, recording, variant, time, spans, wide, small }
    }

    pub fn panel_of_service(&self, service: usize, note: String, (unit, range): (Unit, Range), series: Vec<Series>) -> Panel {
        Panel { title: self.topology.services[service].name.clone(), note, unit, range, series }
    }

    /// What a chart of so many panels looks through, if it is laid out as a grid.
    fn lens(&self, panels: usize) -> Lens {
        if grid(panels).0 == 1 { self.wide } else { self.small }
    }

    fn panels(&self, of: &[usize], panel: fn(&Sheet, usize, Lens) -> Panel) -> Vec<Panel> {
        let lens = self.lens(of.len());
        of.iter().map(|i| panel(self, *i, lens)).collect()
    }

    fn chart(&self, names: (&str, &str), panels: Vec<Panel>, left_out: String) -> Chart {
        let (grid, lens) = (grid(panels.len()), self.lens(panels.len()));
        self.laid_out(names, panels, left_out, (grid, lens))
    }

    pub fn laid_out(&self, names: (&str, &str), panels: Vec<Panel>, left_out: String, (grid, lens): ((usize, u32), Lens)) -> Chart {
        let ((stem, title), (columns, plot_height)) = (names, grid);
        let mut caption = vec![self.origin(&lens.caption())];
        caption.extend([faults_told(&self.spans), left_out].into_iter().filter(|line| !line.is_empty()));
        let (time, spans) = (self.time, self.spans.clone());
        Chart {
            file_stem: stem.to_owned(),
            title: title.to_owned(),
            caption,
            time,
            across: Across::Time,
            spans,
            panels,
            columns,
            plot_height,
            forest: None,
        }
    }

    /// The breakers of these edges, one low panel below the other.
    fn strips(&self, names: (&str, &str), edges: &[usize], left_out: String) -> Chart {
        let panels = edges.iter().map(|e| breaker(self, *e, self.wide)).collect();
        let plot_height = if edges.len() > 4 { 44 } else { 64 };
        self.laid_out(names, panels, left_out, ((1, plot_height), self.wide))
    }

    /// Rows over the whole width, as many as there are.
    fn rows(&self, names: (&str, &str), panels: Vec<Panel>, left_out: String) -> Chart {
        let by_fault = if faults::by_name(&self.spans).len() > 1 { spread::BY_FAULT } else { "" };
        self.laid_out(names, panels, format!("{}{by_fault}{left_out}", spread::BLAST), ((1, 34), self.wide))
    }

    fn spread(&self, clients: &[usize], left_out: String) -> Chart {
        let panels = self.panels(clients, spread::bands);
        self.chart(("latency-bands", "How latency is spread over time"), panels, format!("{}{left_out}", spread::BANDS))
    }

    /// One panel over something else than time.
    pub fn across(&self, names: (&str, &str), (across, until): (Across, f64), panels: Vec<Panel>, told: String) -> Chart {
        let time = TimeAxis { until, warm_up: 0.0, load_ends: until };
        Chart { time, across, spans: Vec::new(), ..self.laid_out(names, panels, told, ((1, 300), self.wide)) }
    }

    /// Which run this is.
    pub fn origin(&self, windows: &str) -> String {
        let variant = self.variant.map(|v| format!(" · variant {v}")).unwrap_or_default();
        let cut = if self.recording.interrupted { " · interrupted" } else { "" };
        let Recording { seed, fingerprint, .. } = self.recording;
        format!("{}{variant} · seed {seed} · fingerprint {fingerprint:016x}{cut} · {windows}", self.topology.name)
    }
}

/// Columns and height of plots for so many panels.
pub fn grid(panels: usize) -> (usize, u32) {
    match panels {
        0 | 1 => (1, 300),
        2 => (1, 190),
        3 => (1, 140),
        4 => (2, 150),
        _ => (3, 112),
    }
}

/// Faults and when they were, for those whose name is cut short above a panel.
pub fn faults_told(spans: &[Span]) -> String {
    const MOST: usize = 6;
    let named = faults::by_name(spans);
    let told = named.iter().take(MOST).map(|(name, times, first)| {
        let from = Unit::Seconds.written(first.from);
        match times {
            1 if first.until > first.from => format!("{name} from {from} to {}", Unit::Seconds.written(first.until)),
            1 => format!("{name} at {from}"),
            n => format!("{name} {n} times from {from} on"),
        }
    });
    match (named.len(), told.collect::<Vec<_>>().join("; ")) {
        (0, _) => String::new(),
        (n, told) if n > MOST => format!("Faults: {told}; {} more.", n - MOST),
        (_, told) => format!("Faults: {told}."),
    }
}

pub fn left_out_of(all: usize, of: &str) -> String {
    if all > MOST_PANELS { format!("Not shown: {} more {of}.", all - MOST_PANELS) } else { String::new() }
}

fn services_left_out(count: usize) -> String {
    if count == 0 { String::new() } else { format!("Not shown: {count} more services, less loaded and less troubled than these. ") }
}

fn latency(sheet: &Sheet, client: usize, lens: Lens) -> Panel {
    let windows = &sheet.recording.clients[client].windows;
    let p99 = lens.latency(windows, |w| w.p99);
    let note = worst_latency(&p99);
    let series = vec![
        Series::line("p50", palette::P50, lens.step(), lens.latency(windows, |w| w.p50)),
        Series::line("p95", palette::P95, lens.step(), lens.latency(windows, |w| w.p95)),
        Series::line("p99", palette::P99, lens.step(), p99),
    ];
    Panel { title: sheet.topology.clients[client].name.clone(), note, unit: Unit::Seconds, range: Range::LogIfWide, series }
}

/// `p99 up to 2.1 s`
pub fn worst_latency(p99: &[f64]) -> String {
    let worst = highest(p99);
    if worst > 0.0 { format!("p99 up to {}", Unit::Seconds.written(worst)) } else { String::new() }
}

fn traffic(sheet: &Sheet, client: usize, lens: Lens) -> Panel {
    let record = &sheet.recording.clients[client];
    let line = |label, style, values| Series::line(label, style, lens.step(), values);
    let mut series = vec![
        line("offered", palette::OFFERED, lens.rate(&record.windows, |w| w.offered)),
        line("goodput", palette::GOODPUT, lens.rate(&record.windows, |w| w.ok.saturating_add(w.degraded))),
    ];
    if record.windows.iter().any(|w| w.degraded > 0) {
        series.push(line("of it degraded", palette::DEGRADED, lens.rate(&record.windows, |w| w.degraded)));
    }
    series.push(line("failed", palette::FAILED, lens.rate(&record.windows, |w| w.failed)));
    let useful = (record.ok + record.degraded) as f64 / record.offered.max(1) as f64;
    let note = if record.offered > 0 { format!("success {}", Unit::Share.written(useful)) } else { String::new() };
    Panel { title: sheet.topology.clients[client].name.clone(), note, unit: Unit::PerSecond, range: Range::FromZero, series }
}

/// The edges that have any of this, and what is left out. If there are too many, those with the most are shown.
fn edges(sheet: &Sheet, much: fn(&EdgeRecord) -> u64) -> (Vec<usize>, String) {
    let records = &sheet.recording.edges;
    let mut ranked: Vec<usize> = (0..records.len()).filter(|e| much(&records[*e]) > 0).collect();
    ranked.sort_by_key(|e| (std::cmp::Reverse(much(&records[*e])), *e));
    let left_out = left_out_of(ranked.len(), "calls, with fewer of them");
    ranked.truncate(MOST_PANELS);
    ranked.sort_unstable();
    (ranked, left_out)
}

fn breaker(sheet: &Sheet, edge: usize, lens: Lens) -> Panel {
    let record = &sheet.recording.edges[edge];
    let most = |count: fn(&crate::observe::recording::EdgeWindow) -> u32| {
        lens.each(&record.windows, |part| f64::from(part.iter().map(count).max().unwrap_or(0)))
    };
    let (open, half_open) = (most(|w| w.open), most(|w| w.half_open));
    let both: Vec<f64> = open.iter().zip(&half_open).map(|(o, h)| o + h).collect();
    let stepped = Series { stepped: true, ..Series::line("", palette::BREAKER_OPEN, lens.step(), Vec::new()) };
    let none = vec![0.0; open.len()];
    let series = vec![
        Series { label: "open".to_owned(), low: none, high: open.clone(), ..stepped.clone() },
        Series { label: "half-open".to_owned(), style: palette::BREAKER_HALF_OPEN, low: open, high: both, ..stepped },
    ];
    let times = if record.breaker_opened == 1 { "time" } else { "times" };
    let note = format!("opened {} {times}", record.breaker_opened);
    Panel { title: sheet.topology.edges[edge].name.clone(), note, unit: Unit::Count, range: Range::AtLeast(1.0), series }
}

fn attempts(sheet: &Sheet, edge: usize, lens: Lens) -> Panel {
    let line = lens.ratio(&sheet.recording.edges[edge].windows, |w| (w.attempts, w.calls));
    let note = format!("up to {}", Unit::Times.written(highest(&line)));
    let series = vec![Series::line("attempts per call", palette::ATTEMPTS, lens.step(), line)];
    Panel { title: sheet.topology.edges[edge].name.clone(), note, unit: Unit::Times, range: Range::AtLeast(2.0), series }
}
