import type { Connection } from "./connection.ts";
import { ErrorCodes } from "./error-code.ts";
import { type H2Exchange, State } from "./h2-exchange.ts";
import type { HeaderList } from "./hpack/header-list.ts";

/** A header block that a server got: a request, or the trailers of one. */
export function onRequestHeaders(
  connection: Connection,
  id: number,
  list: HeaderList,
  ends: boolean,
): void {
  const { exchanges, limits } = connection;
  const open = exchanges.get(id);
  if (open !== undefined) {
    onTrailers(connection, open, list, ends);
    return;
  }
  if ((id & 1) === 0) {
    connection.fail(ErrorCodes.PROTOCOL_ERROR, "a client's exchanges have odd ids");
    return;
  }
  if (id <= exchanges.lastId) {
    if (!exchanges.wasReset(id)) {
      connection.fail(ErrorCodes.STREAM_CLOSED, "HEADERS on a closed stream");
    }
    return;
  }
  exchanges.lastId = id;
  if (connection.isFinal) {
    // Above the id that the last GOAWAY named: the client knows that it was not served.
    exchanges.noteReset(id);
    return;
  }
  const code = requestFault(list, ends, limits.rejectUnderscores);
  if (code !== undefined) connection.life.refuse(id, code);
  else if (exchanges.size >= limits.streams) {
    connection.life.refuse(id, ErrorCodes.REFUSED_STREAM);
  } else {
    const exchange = connection.accept(id);
    exchange.announced = list.contentLength;
    if (ends) exchange.state |= State.RECEIVED_END;
    connection.life.onHead(exchange, list.fields, ends);
  }
}

/** A header block that a client got: 1xx, the answer's head, or its trailers. */
export function onAnswerHeaders(
  connection: Connection,
  id: number,
  list: HeaderList,
  ends: boolean,
): void {
  const { exchanges, limits } = connection;
  const exchange = exchanges.get(id);
  if (exchange === undefined) {
    if (exchanges.isIdle(id))
      connection.fail(ErrorCodes.PROTOCOL_ERROR, "HEADERS on an idle stream");
    return;
  }
  if (exchange.is(State.HEADED)) {
    onTrailers(connection, exchange, list, ends);
    return;
  }
  if (list.isTooLarge) {
    connection.life.refuse(exchange.id, ErrorCodes.ENHANCE_YOUR_CALM);
    return;
  }
  const isInformational = list.status.startsWith("1");
  const mayBe = isInformational ? !ends && list.status !== "101" : true;
  if (!list.isAnswer || !mayBe) {
    connection.life.refuse(exchange.id, ErrorCodes.PROTOCOL_ERROR);
    return;
  }
  if (isInformational) {
    exchange.informational++;
    if (exchange.informational > limits.informational) {
      connection.life.refuse(exchange.id, ErrorCodes.ENHANCE_YOUR_CALM);
    } else connection.life.onHead(exchange, list.fields, false);
    return;
  }
  exchange.state |= State.HEADED;
  const hasBody = !exchange.is(State.HEAD_ONLY) && list.status !== "204" && list.status !== "304";
  if (hasBody) exchange.announced = list.contentLength;
  if (ends && !announce(exchange, 0, true)) {
    connection.life.refuse(exchange.id, ErrorCodes.PROTOCOL_ERROR);
    return;
  }
  if (ends) exchange.state |= State.RECEIVED_END;
  connection.life.onHead(exchange, list.fields, ends);
}

function onTrailers(
  connection: Connection,
  exchange: H2Exchange,
  list: HeaderList,
  ends: boolean,
): void {
  const code = exchange.is(State.RECEIVED_END)
    ? ErrorCodes.STREAM_CLOSED
    : trailersFault(
        exchange,
        list,
        ends,
        connection.isServer && connection.limits.rejectUnderscores,
      );
  if (code !== undefined) {
    connection.life.refuse(exchange.id, code);
    return;
  }
  exchange.state |= State.RECEIVED_END;
  connection.life.onTrailers(exchange, list.fields);
}

function requestFault(
  list: HeaderList,
  ends: boolean,
  rejectUnderscores: boolean,
): number | undefined {
  if (list.isTooLarge) return ErrorCodes.ENHANCE_YOUR_CALM;
  if (!list.isRequest || (ends && list.contentLength > 0)) return ErrorCodes.PROTOCOL_ERROR;
  return rejectUnderscores && list.hasUnderscore ? ErrorCodes.INTERNAL_ERROR : undefined;
}

function trailersFault(
  exchange: H2Exchange,
  list: HeaderList,
  ends: boolean,
  rejectUnderscores: boolean,
): number | undefined {
  if (list.isTooLarge) return ErrorCodes.ENHANCE_YOUR_CALM;
  if (!ends || !list.isTrailers || !announce(exchange, 0, true)) return ErrorCodes.PROTOCOL_ERROR;
  return rejectUnderscores && list.hasUnderscore ? ErrorCodes.INTERNAL_ERROR : undefined;
}

/** Counts the body against content-length. False: it is another length. */
export function announce(exchange: H2Exchange, body: number, ends: boolean): boolean {
  if (exchange.announced < 0) return true;
  exchange.announced -= body;
  return exchange.announced >= 0 && (!ends || exchange.announced === 0);
}
