/**
 * Metrics of the runner for Prometheus. They name partners, and are the operator's alone; nothing secret is in them.
 */
import { Counter, Gauge, type Registry } from "prom-client";
import { type Manifest, storedBytes } from "../../publication/manifest.ts";
import { type LogFacts, mouDaysLeft, rowsOf, statusOf } from "./status.ts";

const ofLog = ["partner", "feed"] as const;
const ofLane = ["partner", "feed", "destination"] as const;

/** What is counted as it happens, and what is worked out from the last tick's facts when somebody asks. */
export class RunMetrics {
  readonly publications: Counter<"partner" | "feed">;
  readonly rows: Counter<"partner" | "feed">;
  readonly bytes: Counter<"partner" | "feed">;
  readonly publishFailures: Counter<"partner" | "feed" | "code">;
  readonly deliveries: Counter<"partner" | "feed" | "destination">;
  readonly deliveryFailures: Counter<"partner" | "feed" | "destination" | "code">;
  readonly storeUnavailable: Counter;
  readonly ticks: Counter<"outcome">;
  readonly tickSeconds: Gauge;
  readonly lastTick: Gauge;
  readonly alerts: Counter<"outcome">;

  /** @param facts how things stand: asked at each scrape, with the time that it is then, in milliseconds. */
  constructor(registry: Registry, facts: () => { readonly logs: readonly LogFacts[]; readonly now: number }) {
    const registers = [registry];
    const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
      new Counter<Label>({ name, help, labelNames: [...labelNames], registers });
    const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
      new Gauge<Label>({ name, help, labelNames: [...labelNames], registers });
    this.publications = counter("spampots_publications_total", "Publications made by this process.", ofLog);
    this.rows = counter("spampots_published_rows_total", "Rows of those publications.", ofLog);
    this.bytes = counter("spampots_published_bytes_total", "Bytes of their files, as stored.", ofLog);
    this.publishFailures = counter(
      "spampots_publish_failures_total",
      "Ticks in which an error stopped a log, by its code.",
      [...ofLog, "code"],
    );
    this.deliveries = counter("spampots_deliveries_total", "Publications that destinations took.", ofLane);
    this.deliveryFailures = counter("spampots_delivery_failures_total", "Attempts that failed, by their code.", [
      ...ofLane,
      "code",
    ]);
    this.storeUnavailable = counter(
      "spampots_store_unavailable_total",
      "Times that the store gave no answer, or let us not in.",
    );
    this.ticks = counter("spampots_ticks_total", "Ticks, by how they ended: done or failed.", ["outcome"]);
    this.tickSeconds = gauge("spampots_tick_duration_seconds", "How long the last tick took.");
    this.lastTick = gauge("spampots_last_tick_timestamp_seconds", "When the last tick that was done ended.");
    this.alerts = counter("spampots_alerts_total", "Alerts, by whether the hook took them: told or failed.", [
      "outcome",
    ]);
    // Asked first, and then works out what those below it tell: once for each scrape.
    const lag = new Gauge({
      name: "spampots_lag_seconds",
      help: "How long the oldest period that isn't published has been due.",
      labelNames: ofLog,
      registers,
      collect: () => collect(),
    });
    const newest = gauge("spampots_newest_period_end_timestamp_seconds", "End of the newest published period.", ofLog);
    const behind = gauge("spampots_delivery_behind", "Publications that a destination doesn't have.", ofLane);
    const age = gauge("spampots_delivery_age_seconds", "How long ago the oldest of them was published.", ofLane);
    const days = gauge("spampots_mou_days_left", "Whole days until the MoU ends; negative afterwards.", ["partner"]);
    const collect = () => {
      for (const one of [lag, newest, behind, age, days]) one.reset();
      const { logs, now } = facts();
      for (const log of logs) {
        const { partner, feed, period, dueSince, lanes } = statusOf(log, now);
        lag.set({ partner, feed }, dueSince === undefined ? 0 : (now - dueSince) / 1000);
        if (period !== undefined) newest.set({ partner, feed }, period.end / 1000);
        for (const lane of lanes) {
          behind.set({ partner, feed, destination: lane.destination }, lane.behind);
          age.set({ partner, feed, destination: lane.destination }, lane.age / 1000);
        }
        days.set({ partner }, mouDaysLeft(log.partner, now));
      }
    };
  }

  /** Counts a publication. */
  published(manifest: Manifest): void {
    const { partner, feed } = manifest;
    this.publications.inc({ partner, feed });
    this.rows.inc({ partner, feed }, rowsOf(manifest) ?? 0);
    this.bytes.inc({ partner, feed }, storedBytes(manifest));
  }
}
