/** Starts an InfluxDB, says where, and stays: for the test that kills this process. */
import { startInflux } from './influx.ts';

const { pid, dir } = await startInflux();
console.log(JSON.stringify({ pid, dir }));
setInterval(() => undefined, 60_000);
