/** How the processes of a cluster's brokers know where to serve metrics: {"host": "...", "port": n} of the cluster. */
export const METRICS_VARIABLE = 'VARVE_CLUSTER_METRICS';
