/** What the screen shows, as plain data: whoever runs a line fills it, whoever draws it only reads. */
import type { ScoreSummary } from '../forecast/score.ts';

export interface ViewModel {
  readonly pipeline: string;
  readonly phase: 'starting' | 'running' | 'stopping' | 'done';
  /** Whether an earlier run was continued, and at which row. */
  readonly resumedAt?: number | undefined;
  readonly rows: number;
  readonly total?: number | undefined;
  readonly rowsPerSecond: number;
  readonly seconds: number;
  /** Newest event time, epoch ms. */
  readonly time?: number | undefined;
  readonly series: number;
  readonly rejected: number;
  /** Messages that are there and still to be read; undefined where the source does not say. */
  readonly lag?: number | undefined;
  /** Ends whose servers are away; nothing is lost meanwhile. */
  readonly waiting: readonly WaitingLine[];
  readonly forecasts: readonly ForecastLine[];
  readonly recent?: RecentLine | undefined;
  readonly scores: readonly ScoreLine[];
  /** Newest last. */
  readonly trainings: readonly TrainingLine[];
  readonly training: boolean;
  readonly checkpoint?: { readonly generation: number; readonly seconds: number } | undefined;
  /** The newest thing that went wrong without ending the run. */
  readonly warning?: string | undefined;
}

/** An end of the line that waits for its server. */
export interface WaitingLine {
  readonly name: string;
  readonly endpoint: string;
  readonly reason: string;
  /** For how long. */
  readonly seconds: number;
}

/** The newest forecast of a series for one step ahead. */
export interface ForecastLine {
  readonly series: string;
  readonly target: string;
  readonly step: number;
  /** Time forecast for, epoch ms. */
  readonly time: number;
  readonly mean: number;
  readonly interval?: { readonly nominal: number; readonly low: number; readonly high: number } | undefined;
  readonly naive: number;
  /** actual - mean of the forecast that the newest row scored; NaN where there was none. */
  readonly lastError: number;
}

/** The last rows of one series: what came, and what had been forecast one step before. */
export interface RecentLine {
  readonly series: string;
  readonly actual: readonly number[];
  readonly forecast: readonly number[];
}

/** How good the output was, over all series. */
export interface ScoreLine {
  readonly target: string;
  /** Steps ahead, from 1. */
  readonly step: number;
  /** Name in `summary.models` of what is sent out. */
  readonly output: string;
  readonly summary: ScoreSummary;
}

/** One retraining. */
export interface TrainingLine {
  /** Event time of the trigger, epoch ms. */
  readonly trigger: number;
  /** Held-out loss of the weights in use, and of the new ones. */
  readonly champion: number;
  readonly challenger: number;
  readonly accepted: boolean;
  readonly seconds: number;
  /** Why there was none, or why it failed. */
  readonly reason?: string | undefined;
}
