/* Limits of what a peer may send, in one place: the gateway, the broker and the clients refuse
 * by the same numbers. A limit here is part of the contract: raising one is an additive change,
 * lowering one breaks clients. */
#ifndef LJ_PROTO_LIMITS_H
#define LJ_PROTO_LIMITS_H

/* source: project contract. The event object itself is level 1, its payload level 2; arrays
 *         count too. */
#define LJ_JSON_DEPTH_MAX 16

/* source: project contract. Members of one object; also bounds the work of finding duplicates. */
#define LJ_JSON_KEYS_MAX 64

/* source: project contract. Decoded UTF-8 bytes of one string or key (32 KiB, about 10,900
 *         Chinese characters). */
#define LJ_JSON_STRING_MAX 32768

/* source: project contract. Bytes of one event as sent, whitespace included (64 KiB). */
#define LJ_EVENT_BYTES_MAX 65536

/* source: project contract. Bytes of one NDJSON batch (1 MiB); also the longest text the JSON
 *         reader looks at. */
#define LJ_BATCH_BYTES_MAX 1048576

/* source: project contract. Lines of one NDJSON batch. */
#define LJ_BATCH_EVENTS_MAX 500

#endif
