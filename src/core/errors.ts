/**
 * Every error a user can meet: one table, one class.
 *
 * A message always reads `what happened (facts). What to do.`; the code says where and what. The reference page of errors is
 * generated from this table, and a test compares the two. Exit codes follow sysexits(3). Over 300 lines, because one table is easier
 * to keep whole than ten.
 */

/** Process exit codes, documented in `docs/reference/errors.md`. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 64,
  data: 65,
  noInput: 66,
  unavailable: 69,
  internal: 70,
  cannotCreate: 73,
  io: 74,
  tryAgain: 75,
  config: 78,
} as const;

export interface ErrorEntry {
  /** What happened, without a full stop. */
  readonly what: string;
  /** What the reader should do, as a full sentence. */
  readonly todo: string;
  /** Exit code of the process when this error ends it. */
  readonly exit: number;
  /** Whether trying the same thing again can succeed. */
  readonly retriable?: true;
}

/** THE table. Keys are `<WHERE>_<WHAT>`; keep each section sorted. */
export const ERRORS = {
  // -- src/core
  LANES_FULL: {
    what: 'No lane is free for a new series',
    todo: 'Raise `state.max_lanes`, or shorten `state.time_to_live`.',
    exit: EXIT.data,
  },
  STATE_SHAPE: {
    what: 'The saved state is of another shape than this pipeline',
    todo: 'Undo the change of the pipeline, or start over with `--fresh`.',
    exit: EXIT.config,
  },
  // -- connectors
  CONNECTOR_UNKNOWN: { what: 'There is no such connector', todo: 'Use one of the names listed.', exit: EXIT.config },
  ARROW_DAMAGED: { what: 'The Arrow file is damaged', todo: 'Write it again, or restore it from a copy.', exit: EXIT.data },
  ARROW_FOREIGN: {
    what: 'The file is not an Arrow IPC file',
    todo: 'Point `path` at an Arrow IPC file (`.arrow`, `.feather`), or choose the source that fits the file.',
    exit: EXIT.data,
  },
  ARROW_TOO_LARGE: {
    what: 'A column of one record batch is too large to decompress in memory',
    todo: 'Write the file uncompressed, or in smaller record batches.',
    exit: EXIT.data,
  },
  ARROW_TRUNCATED: {
    what: 'The Arrow file is cut off',
    todo: 'Write or copy it again; a stream that may lack its end mark needs `expect_rows`.',
    exit: EXIT.data,
  },
  CSV_DAMAGED: {
    what: 'The CSV file cannot be read any further',
    todo: 'Mend the quotes at that place, or set `delimiter` and `quote` as the file uses them.',
    exit: EXIT.data,
  },
  INFLUX_AUTHENTICATION: {
    what: 'InfluxDB does not accept these credentials',
    todo: 'Check `username` and `password`, or `token`.',
    exit: EXIT.config,
  },
  INFLUX_CLOSED: {
    what: 'The InfluxDB sink was closed before InfluxDB had taken everything',
    todo: 'Run again: the run continues at its last checkpoint.',
    exit: EXIT.unavailable,
  },
  INFLUX_DATABASE: {
    what: 'InfluxDB has no such database or retention policy',
    todo: 'Create it, correct its name, or give a user who may create it and `create_database: true`.',
    exit: EXIT.config,
  },
  INFLUX_FORBIDDEN: {
    what: 'InfluxDB does not let this user do that',
    todo: 'Grant it: `GRANT ALL ON "database" TO "user"`, or use another user or token.',
    exit: EXIT.config,
  },
  INFLUX_NAME: {
    what: 'A name cannot be written to InfluxDB',
    todo: 'Choose a name without control characters and without a backslash at its end.',
    exit: EXIT.config,
  },
  INFLUX_NOT_INFLUX: {
    what: 'This address is not an InfluxDB',
    todo: 'Check `url`: scheme, host and port. InfluxDB usually listens on 8086, version 3 on 8181.',
    exit: EXIT.config,
  },
  INFLUX_QUERY: {
    what: 'The query cannot be used',
    todo: 'Mend `query`: one SELECT of columns, with tags as columns instead of GROUP BY.',
    exit: EXIT.config,
  },
  INFLUX_TLS: {
    what: 'The connection to InfluxDB cannot be encrypted and verified',
    todo: 'Mend the certificate, or tell Node.js whom to trust with the environment variable NODE_EXTRA_CA_CERTS.',
    exit: EXIT.config,
  },
  INFLUX_UNAVAILABLE: {
    what: 'InfluxDB cannot be reached',
    todo: 'Start it, or check `url` and the network, then run again.',
    exit: EXIT.unavailable,
    retriable: true,
  },
  KAFKA_AUTHENTICATION: {
    what: 'The Kafka broker and this pipeline do not agree on who signs in and how',
    todo: 'Check `sasl`: mechanism, user name, and the variable that the password comes from.',
    exit: EXIT.config,
  },
  KAFKA_FAILED: {
    what: 'Kafka refused a request for a reason that waiting does not mend',
    todo: 'Look the problem up in the log of the broker; nothing that it had not confirmed counts as delivered.',
    exit: EXIT.unavailable,
  },
  KAFKA_NOT_ALLOWED: {
    what: 'Kafka does not allow this user to do that',
    todo: 'Give the user the right (read topics and the group for a source, write topics for a sink), or use another user.',
    exit: EXIT.config,
  },
  KAFKA_NOT_KAFKA: {
    what: 'Something answers there, but it is no Kafka broker',
    todo: 'Correct `brokers`: the host and port of a Kafka listener, often 9092.',
    exit: EXIT.config,
  },
  KAFKA_NOT_READY: {
    what: 'Kafka answers, but cannot do this now',
    todo: 'It is tried again; if it lasts, look at the health of the brokers and the replicas of the topic.',
    exit: EXIT.unavailable,
    retriable: true,
  },
  KAFKA_OFFSET_GONE: {
    what: 'Kafka no longer has the messages that come next',
    todo: 'They were deleted (retention), or the topic was made again: raise its retention, or start over with `--fresh` and accept the gap.',
    exit: EXIT.data,
  },
  KAFKA_PARTITIONS_CHANGED: {
    what: 'The topic has another number of partitions than the saved state was made with',
    todo: 'Series have moved between partitions: start over with `--fresh`, or read from a topic with the old number.',
    exit: EXIT.config,
  },
  KAFKA_PASSWORD_EXPOSED: {
    what: 'A password would be sent to Kafka over an unencrypted connection',
    todo: 'Set `tls`, or `allow_plaintext_password: true` if everyone on the network may read it.',
    exit: EXIT.config,
  },
  KAFKA_STATE_ELSEWHERE: {
    what: 'Kafka gave this process a partition whose state is in another folder',
    todo: 'Let all processes of the group use one `state.path` on one machine, or give this pipeline a `group` of its own.',
    exit: EXIT.config,
  },
  KAFKA_TLS: {
    what: 'The encrypted connection to the Kafka broker cannot be made',
    todo: 'Set `tls` as this listener needs it: `tls.ca` for an authority of your own, `tls.servername` for another name, none for a plain port.',
    exit: EXIT.config,
  },
  KAFKA_TOPIC_EMPTY: {
    what: 'The Kafka topic has no partitions',
    todo: 'Create it again with at least one partition.',
    exit: EXIT.config,
  },
  KAFKA_TOPIC_UNKNOWN: {
    what: 'There is no such Kafka topic, or this user may not see it',
    todo: 'Create the topic, or correct its name or the rights of the user.',
    exit: EXIT.config,
  },
  KAFKA_UNREACHABLE: {
    what: 'The Kafka broker cannot be reached',
    todo: 'Start it, or correct `brokers` (host and port); a firewall or `advertised.listeners` may point elsewhere.',
    exit: EXIT.unavailable,
    retriable: true,
  },
  SINK_DISK_FULL: {
    what: 'The disk is full',
    todo: 'Free space and run again: the run continues at its last checkpoint.',
    exit: EXIT.io,
  },
  SINK_FOLDER: {
    what: 'The output folder cannot be used',
    todo: 'Choose another `path`, or give this process the right to write there.',
    exit: EXIT.cannotCreate,
  },
  SINK_WRITE_FAILED: {
    what: 'The output could not be written',
    todo: 'Check the disk and the rights of the folder, then run again.',
    exit: EXIT.io,
  },
  SOURCE_COLUMN_MISSING: {
    what: 'A column is not in the file',
    todo: 'Correct the name in the pipeline, or the file; where all columns of a CSV file come as one, set `delimiter`.',
    exit: EXIT.data,
  },
  SOURCE_COLUMN_TYPE: {
    what: 'A column has a type that cannot be used for this',
    todo: 'Name another column, or convert it when the file is written.',
    exit: EXIT.data,
  },
  SOURCE_DISORDER: {
    what: 'The file is too disordered to be merged by time',
    todo: 'Sort it by time, or by series and time, or use `order: as-is`.',
    exit: EXIT.data,
  },
  SOURCE_FILE_MISSING: {
    what: 'The input file does not exist',
    todo: 'Check `path`, which starts at the folder of the pipeline file, or `--source`, which starts at the working folder.',
    exit: EXIT.noInput,
  },
  SOURCE_FILE_UNREADABLE: { what: 'The input file cannot be read', todo: 'Check its rights and the disk.', exit: EXIT.noInput },
  SOURCE_LABEL: {
    what: 'A line begins with none of the labels',
    todo: 'Mend the line: label, tab, text. Or name the label in `labels`.',
    exit: EXIT.data,
  },
  SOURCE_NO_ROWS: { what: 'The input file has no rows', todo: 'Check what wrote it, or take it out of `path`.', exit: EXIT.data },
  SOURCE_NO_TIME: { what: 'No column is recognised as the time', todo: 'Name it: `time: COLUMN`.', exit: EXIT.config },
  SOURCE_NO_UNIT: {
    what: 'The time column holds plain numbers',
    todo: 'Say what they count since 1970: `unit: s`, `ms`, `us` or `ns`.',
    exit: EXIT.config,
  },
  SOURCE_NO_VALUES: {
    what: 'The file has no column of values',
    todo: 'Name the columns: `values: [COLUMN]`.',
    exit: EXIT.config,
  },
  SOURCE_POSITION: {
    what: 'The input is shorter than when it was read last',
    todo: 'Restore the file as it was, or start over with `--fresh`.',
    exit: EXIT.data,
  },
  SOURCE_ROWS: {
    what: 'The input has another number of rows than `expect_rows` says',
    todo: 'Check whether it is complete, or correct `expect_rows`.',
    exit: EXIT.data,
  },
  SOURCE_TIME_UNIT: {
    what: 'The times are implausible: they lie outside 1980 to 2200',
    todo: 'Set `unit`, or `allow_any_time: true` if this is meant.',
    exit: EXIT.data,
  },
  // -- src/nn
  NN_CATEGORY: {
    what: 'A category or class is none of the set',
    todo: 'Give numbers of the stated range, or make the network for more of them.',
    exit: EXIT.data,
  },
  NN_LANE: {
    what: 'A wave names a lane that does not exist',
    todo: 'Reserve lanes before stepping them; this is likely a bug.',
    exit: EXIT.internal,
  },
  NN_MODEL_DAMAGED: {
    what: 'The model file is damaged',
    todo: 'Restore the folder from a copy, or train the model again.',
    exit: EXIT.data,
  },
  NN_MODEL_FOREIGN: {
    what: 'The folder holds no model of this program',
    todo: 'Give the folder that `tidecast` saved, with its `model.json` and `model.safetensors`.',
    exit: EXIT.data,
  },
  NN_MODEL_MISSING: {
    what: 'The model cannot be read',
    todo: 'Give a folder that `tidecast train FILE --out FOLDER` wrote, or `tidecast run FILE --out FOLDER` of a learning file.',
    exit: EXIT.noInput,
  },
  NN_MODEL_UNSAVED: {
    what: 'The model cannot be written',
    todo: 'Check the free space and the permissions of the folder.',
    exit: EXIT.cannotCreate,
  },
  NN_MODEL_VERSION: {
    what: 'The model was saved in a format this version does not know',
    todo: 'Load it with the version that saved it, or train it again.',
    exit: EXIT.data,
  },
  NN_OPTION: {
    what: 'An option of the network or its training is out of range',
    todo: 'Choose a value inside the stated range.',
    exit: EXIT.config,
  },
  NN_SHAPE: {
    what: 'The network has a size that is not allowed',
    todo: 'Choose a size inside the stated range.',
    exit: EXIT.config,
  },
  NN_TOO_LARGE: {
    what: 'The network would need more memory than is allowed',
    todo: 'Lower the hidden size, the layers, the lanes, or the batch times steps.',
    exit: EXIT.config,
  },
  NN_WEIGHTS: {
    what: 'The weights do not fit the network',
    todo: 'Give every tensor with the stated number of finite values.',
    exit: EXIT.data,
  },
  // -- src/window
  WINDOW_DURATION: {
    what: 'A duration cannot be read or is out of range',
    todo: 'Write it as `500ms`, `30s`, `5m`, `2h`, `1d` or a number of milliseconds.',
    exit: EXIT.config,
  },
  WINDOW_FIELD: {
    what: 'A bar field names a channel that does not exist',
    todo: 'Give each field a `channel` of the source.',
    exit: EXIT.config,
  },
  WINDOW_GRID: {
    what: 'The calendar was made for another grid',
    todo: 'For bars, make the calendar with `bars: true` and their slide (or their length, where they do not slide) as its interval; for rows, without `bars`.',
    exit: EXIT.config,
  },
  WINDOW_SESSION: {
    what: 'The market hours cannot be read',
    todo: 'Write `days: mon-fri`, `open: "09:30"`, `close: "16:00"` and holidays as `YYYY-MM-DD`.',
    exit: EXIT.config,
  },
  WINDOW_SLIDE: {
    what: 'The slide of the bars does not divide their length',
    todo: 'Choose a slide that goes into the length a whole number of times.',
    exit: EXIT.config,
  },
  WINDOW_TIME_ZONE: {
    what: 'The time zone is unknown',
    todo: 'Use an IANA name such as `America/New_York`, or `UTC`.',
    exit: EXIT.config,
  },
  // -- src/forecast
  FORECAST_UNKNOWN: {
    what: 'There is no such forecaster',
    todo: 'Use one of the names listed, or pass your own component.',
    exit: EXIT.config,
  },
  FORECAST_TOO_WIDE: { what: 'The network would have too many inputs', todo: 'Use fewer channels or lags.', exit: EXIT.config },
  FORECAST_ORDER: {
    what: 'A forecaster is built on one that is not there yet',
    todo: 'Name the other one before it among the models.',
    exit: EXIT.config,
  },
  // -- src/interop
  EXPORT_UNKNOWN: {
    what: 'The network has a part that the other format does not know',
    todo: 'Export an rnn, gru or lstm without relevance gate, without categories and in one direction.',
    exit: EXIT.data,
  },
  EXPORT_UNSAVED: {
    what: 'The model cannot be written there',
    todo: 'Give a path that does not exist yet, in a folder with free space that may be written to.',
    exit: EXIT.cannotCreate,
  },
  KERAS_DAMAGED: {
    what: 'The Keras model is damaged',
    todo: 'Convert it again with `tensorflowjs_converter`, or copy the whole folder again.',
    exit: EXIT.data,
  },
  KERAS_FOREIGN: {
    what: 'The folder holds no Keras model in the layers format of TensorFlow.js',
    todo: 'Make one with `tensorflowjs_converter --input_format keras --output_format tfjs_layers_model`.',
    exit: EXIT.data,
  },
  KERAS_MISSING: { what: 'The Keras model cannot be read', todo: 'Check the path and its permissions.', exit: EXIT.noInput },
  KERAS_OUTSIDE: {
    what: 'The Keras model names a file outside its folder',
    todo: 'Do not trust it; put the weights beside `model.json` and name them there.',
    exit: EXIT.data,
  },
  KERAS_UNFIT: {
    what: 'The Keras model does not fit the pipeline',
    todo: 'It needs an input for every channel and an output for every target and step of `forecast.horizon`.',
    exit: EXIT.config,
  },
  KERAS_UNSUPPORTED: {
    what: 'The Keras model holds something that cannot be taken over',
    todo: 'Build it of the layers and options that the reference of `import` and of the forecaster `keras` lists.',
    exit: EXIT.data,
  },
  TENSORFLOW_MISSING: {
    what: 'TensorFlow.js is not installed',
    todo: 'Install it beside tidecast: `npm install @tensorflow/tfjs`, or `@tensorflow/tfjs-node` where its native part can be had.',
    exit: EXIT.config,
  },
  // -- src/train
  TRAIN_FAILED: {
    what: 'A training failed and the old weights stay',
    todo: 'Nothing needs doing; if it happens often, lower `retrain.rows` or raise `retrain.max_seconds`.',
    exit: EXIT.internal,
  },
  // -- src/stream
  INGEST_NOT_IN_TIME_ORDER: {
    what: 'A tick is older than the last retraining, so the input is not in time order',
    todo: 'Merge the input by time (`source.order: merge`), raise `clean.lateness`, or leave out `retrain`.',
    exit: EXIT.data,
  },
  STREAM_CHANNELS: {
    what: 'A batch has another number of channels than was declared',
    todo: 'Declare as many channels as the source delivers.',
    exit: EXIT.internal,
  },
  // -- src/pipeline
  RUN_STOPPED_UNCLEAN: {
    what: 'The run had to stop before everything was delivered',
    todo: 'Nothing is lost: the next run continues at the last checkpoint.',
    exit: EXIT.tryAgain,
  },
  SPEC_CHANNEL: {
    what: 'The pipeline names a channel that is not there',
    todo: 'Use one of the names listed.',
    exit: EXIT.config,
  },
  SEASON_ENDLESS: {
    what: 'Seasons cannot be looked for in a source that never ends',
    todo: 'Give a `history`, or name the seasons: `tidecast check FILE --seasons` finds them in a recording.',
    exit: EXIT.config,
  },
  MODEL_MISFIT: {
    what: 'The model of `forecast.weights` was not trained for this pipeline',
    todo: 'Train one for it: `tidecast train FILE --out FOLDER`; or undo the change of the pipeline.',
    exit: EXIT.config,
  },
  MODEL_NOTHING: {
    what: 'Nothing was learned, and no model was written',
    todo: 'Give more rows, and models that are trained: `ridge`, `boosted` or `recurrent`.',
    exit: EXIT.data,
  },
  MODEL_STOPPED: {
    what: 'The training was stopped, and no model was written',
    todo: 'Run it again: it begins anew.',
    exit: EXIT.tryAgain,
  },
  HISTORY_PARTITIONS: {
    what: 'The history has several partitions',
    todo: 'Read it from a file or from a database.',
    exit: EXIT.config,
  },
  SPEC_INVALID: {
    what: 'The file is not a valid pipeline',
    todo: 'Mend the lines above; `tidecast describe NAME` lists the fields of a component.',
    exit: EXIT.config,
  },
  SPEC_UNREADABLE: { what: 'The file cannot be read', todo: 'Check the path.', exit: EXIT.noInput },
  STATE_DAMAGED: {
    what: 'The saved state is damaged',
    todo: 'Restore the state folder from a copy, or start over with `--fresh`.',
    exit: EXIT.data,
  },
  STATE_FENCED: {
    what: 'Another process has taken over this state folder',
    todo: 'Nothing needs doing: what this process had not saved, the other one does again.',
    exit: EXIT.tryAgain,
  },
  STATE_LOCKED: {
    what: 'Another process is using this state folder',
    todo: 'Stop that process, or give this pipeline a `state.path` of its own.',
    exit: EXIT.tryAgain,
  },
  STATE_NOT_SHARED: {
    what: 'This source cannot be divided among several processes',
    todo: 'Leave out `state.shared`, or read from Kafka.',
    exit: EXIT.config,
  },
  STATE_PARTITIONS: {
    what: 'The input has another number of partitions than when this state was begun, so series may lie in others than their state',
    todo: 'Give the topic its old number of partitions by making it anew, or start over with `--fresh`.',
    exit: EXIT.config,
  },
  STATE_SHARING: {
    what: 'The saved state was kept in the other way: `state.shared` was changed',
    todo: 'Set it back, or start over with another `state.path` or a removed folder.',
    exit: EXIT.config,
  },
  STATE_VERSION: {
    what: 'The saved state was written in another format',
    todo: 'Use the tidecast version that wrote it, or start over with `--fresh`.',
    exit: EXIT.config,
  },
  STATE_WRITE: {
    what: 'The state could not be written',
    todo: 'Free space on the disk or mend its rights, then run again: it continues from the last checkpoint.',
    exit: EXIT.io,
  },
  TEST_INVALID: {
    what: 'The file is not a valid pipeline test',
    todo: 'Mend the lines above; docs/reference/pipeline.md describes the format.',
    exit: EXIT.config,
  },
  // -- src/backtest
  BACKTEST_ENDLESS: {
    what: 'The source of this pipeline never ends, so it cannot be replayed',
    todo: 'Give a recording: `--source FILE.arrow`, `--source FILE.csv`, or `--source FILE.yaml` with a source section that ends.',
    exit: EXIT.usage,
  },
  BACKTEST_NO_FOLDS: {
    what: 'There is nothing to cut into folds',
    todo: 'Let `--from` and `--to` leave rows of the recording between them.',
    exit: EXIT.usage,
  },
  BACKTEST_OUTPUT: {
    what: 'A file of the backtest cannot be written',
    todo: 'Check the folder of `--out`, its permissions and the free space.',
    exit: EXIT.cannotCreate,
  },
  COMPARE_DAMAGED: {
    what: 'The result of a backtest is damaged',
    todo: 'Write it again: `tidecast backtest FILE --out FOLDER`.',
    exit: EXIT.data,
  },
  COMPARE_FOREIGN: {
    what: 'The file is no result of a backtest',
    todo: 'Give the folder of `tidecast backtest FILE --out FOLDER`, or the `forecasts.arrow` in it.',
    exit: EXIT.data,
  },
  COMPARE_MISSING: {
    what: 'There is no result of a backtest',
    todo: 'Write one with `tidecast backtest FILE --out FOLDER`, and give that folder.',
    exit: EXIT.noInput,
  },
  COMPARE_NOTHING: {
    what: 'The two results have no forecast in common',
    todo: 'Compare backtests over the same data, with the same targets and times.',
    exit: EXIT.data,
  },
  COMPARE_UNREADABLE: {
    what: 'The result of a backtest cannot be read',
    todo: 'Check the rights of the folder and of the `forecasts.arrow` in it.',
    exit: EXIT.noInput,
  },
  LEAKS_NOTHING: {
    what: 'There are too few forecasts to look for leaks',
    todo: 'Give a longer recording.',
    exit: EXIT.data,
  },
  // -- src/learn
  LEARN_CHANNEL: { what: 'The source has no such channel', todo: 'Name one of those that it has in `learn`.', exit: EXIT.config },
  LEARN_CLASSES: {
    what: 'The values that occur in training are too few or too many to be classes or symbols',
    todo: 'Set `classes` or `symbols` to false for quantities, or read other data.',
    exit: EXIT.data,
  },
  LEARN_NO_PAIRS: {
    what: 'The model is no encoder and decoder of a learning file',
    todo: 'Give a network saved from a learning file with `learn.decoder`.',
    exit: EXIT.data,
  },
  LEARN_NOTHING: {
    what: 'No row asks for an answer',
    todo: 'Check `target` and `ahead`: the target must be there in some rows, and sequences longer than `ahead`.',
    exit: EXIT.data,
  },
  SCENARIO_SERIES: {
    what: 'The saved state holds no such series in memory',
    todo: 'Check the name; a series that was evicted comes back with its next row.',
    exit: EXIT.usage,
  },
  SCENARIO_SIZE: {
    what: 'All paths together are too many numbers',
    todo: 'Choose one series with `--series`, or fewer `--paths` or `--steps`.',
    exit: EXIT.usage,
  },
  LEARN_NO_WRITER: {
    what: 'The model does not say what comes next in a text',
    todo: 'Give a network saved by `tidecast run FILE --out FOLDER` of a learning file with symbols that are their own target, one ahead.',
    exit: EXIT.data,
  },
  LEARN_OTHER: {
    what: 'The model is not one of this learning file',
    todo: 'Give the file that it was trained by.',
    exit: EXIT.config,
  },
  LEARN_PAIR: {
    what: 'A sequence is no pair of what is read and what is answered',
    todo: 'Give both sides at least one known row, and an answer at most as long as `learn.decoder.answer`.',
    exit: EXIT.data,
  },
  LEARN_ROWS: { what: 'There are more rows than can be learnt from', todo: 'Give the source less to read.', exit: EXIT.data },
  LEARN_SHORT: {
    what: 'No series is long enough for a window',
    todo: 'Choose fewer `rows` in `learn.gaps`, or another `train`; a proof cuts what comes after that.',
    exit: EXIT.data,
  },
  LEARN_SOURCE: {
    what: 'The source does not end, so nothing can be learnt from all of it',
    todo: 'Use a source that ends, such as arrow, csv, text or exercise.',
    exit: EXIT.config,
  },
  LEARN_UNKNOWN: {
    what: 'A value is none of those that occurred in training',
    todo: 'Train on data in which it occurs, or take it out.',
    exit: EXIT.data,
  },
  SEARCH_OPTION: {
    what: 'An option of the search is out of range',
    todo: 'Choose a value inside the stated range.',
    exit: EXIT.config,
  },
  SEARCH_STEP: {
    what: 'A step of the search gave no log probability for a symbol',
    todo: 'Check the weights of the network, or train it again.',
    exit: EXIT.data,
  },
  SEARCH_TOO_LARGE: {
    what: 'There are more sequences than an exhaustive search tries',
    todo: 'Search by a beam, or for shorter sequences of fewer symbols.',
    exit: EXIT.config,
  },
  // -- src/web
  WEB_ADDRESS_IN_USE: {
    what: 'The address for health and metrics is taken by another process',
    todo: 'Stop that process, or choose another `service.http`.',
    exit: EXIT.unavailable,
  },
  WEB_ADDRESS_UNUSABLE: {
    what: 'Health and metrics cannot be served at this address',
    todo: 'Choose an address of this machine and a port that this process may use as `service.http`.',
    exit: EXIT.config,
  },
  // -- src/cli
  CLI_NO_STATE: {
    what: 'There is no saved state in this folder',
    todo: 'Run the pipeline first: `tidecast run FILE` writes it to the folder of `state.path`, which `tidecast check FILE` shows.',
    exit: EXIT.noInput,
  },
  CLI_USAGE: { what: 'The command cannot be carried out as it was typed', todo: 'See `tidecast --help`.', exit: EXIT.usage },
  INTERNAL: {
    what: 'Something that should never happen did',
    todo: 'This is likely a bug: please report it with the lines above.',
    exit: EXIT.internal,
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** Facts that go into the brackets of a message; order is kept. */
export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * The one error class.
 *
 * `code` is a key of {@link ERRORS}; `facts` are the values a program would read; `cause` is what lies beneath.
 */
export class TidecastError extends Error {
  override readonly name = 'TidecastError';
  readonly code: ErrorCode;
  readonly facts: Facts;
  readonly retriable: boolean;
  readonly exit: number;

  constructor(code: ErrorCode, facts: Facts = {}, options?: { cause?: unknown }) {
    const entry: ErrorEntry = ERRORS[code];
    super(sentence(entry, facts), options);
    this.code = code;
    this.facts = facts;
    this.retriable = entry.retriable ?? false;
    this.exit = entry.exit;
  }
}

function sentence(entry: ErrorEntry, facts: Facts): string {
  const listed = Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}: ${String(value)}`)
    .join(', ');
  return `${entry.what}${listed ? ` (${listed})` : ''}. ${entry.todo}`;
}
