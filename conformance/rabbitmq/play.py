"""Plays one scenario on a real RabbitMQ, step by step, and tells what was seen after each.

Each consumer has a channel of its own, so that closing it is what the loss of a consumer is. After each step it is waited until the
broker has nothing more to say: an answer to a question on a consumer's channel comes behind every delivery that was sent before it, and
several rounds of questions let what one queue hands to another arrive too.
"""
import socket
import time

import pika
import pika.exceptions

# So many rounds of questions in which nothing new is seen end a step; so long is waited between them.
QUIET_ROUNDS, PAUSE_SECONDS = 3, 0.012
MOST_SECONDS = 30
# How long the broker may take to notice a lost connection, where it does not tell.
LOSS_SECONDS = 1.5
DRAIN = "drain"


class Player:
    def __init__(self, broker):
        self.broker = broker
        self.exchanges, self.queues, self.consumers = [], {}, {}
        # Per consumer: its queue.
        self.consumes = {}
        # Per consumer: what has come in this step; per consumer and message: the delivery's tag.
        self.delivered, self.tags = {}, {}
        self.returned = []
        self.connect()

    def connect(self):
        self.connection, self.own = self.new_connection(), {}
        self.admin = self.connection.channel()
        self.publisher = self.connection.channel()
        self.publisher.confirm_delivery()

    def new_connection(self):
        return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.broker.port, heartbeat=0, connection_attempts=20,
                                                                 blocked_connection_timeout=MOST_SECONDS, retry_delay=0.5))

    def play(self, scenario):
        try:
            return [{"step": step, "seen": self.take(step)} for step in scenario["steps"]]
        finally:
            self.clean()

    def take(self, step):
        self.delivered, self.returned = {}, []
        operation = next(word for word in OPERATIONS if word in step)
        seen = OPERATIONS[operation](self, step) or {}
        self.settle_down()
        if self.returned:
            seen["returned"] = self.returned
        if operation == "drain":
            seen["drained"] = self.finish_drain()
        if self.delivered:
            seen["delivered"] = dict(sorted(self.delivered.items()))
        if operation == "count":
            seen["ready"] = {queue: self.ready(queue) for queue in step["count"]}
            seen["unacked"] = {queue: self.unacked(queue) for queue in step["count"]}
        return seen

    def clean(self):
        if self.connection.is_closed:
            self.connect()
        for channel in self.consumers.values():
            if channel.is_open:
                channel.close()
        for queue in self.queues:
            self.admin.queue_delete(queue)
        for exchange in self.exchanges:
            self.admin.exchange_delete(exchange)
        for connection in (*self.own.values(), self.connection):
            connection.close()

    # -- waiting -----------------------------------------------------------------------------------------------------

    def settle_down(self):
        until, quiet, before = time.monotonic() + MOST_SECONDS, 0, None
        while quiet < QUIET_ROUNDS and time.monotonic() < until:
            self.listen(PAUSE_SECONDS)
            now = self.state()
            quiet = quiet + 1 if now == before else 0
            before = now

    def state(self):
        """What is known so far, and what each queue has, asked on every channel."""
        counts = [self.ready(queue) for queue in self.queues]
        for channel in self.consumers.values():
            for queue in self.queues:
                channel.queue_declare(queue, passive=True)
        self.listen(0)
        return counts, sum(map(len, self.delivered.values())), len(self.returned)

    def listen(self, seconds):
        self.connection.process_data_events(seconds)
        for connection in self.own.values():
            connection.process_data_events(0)

    def wait_until(self, holds, seconds):
        until = time.monotonic() + seconds
        while not holds() and time.monotonic() < until:
            self.listen(PAUSE_SECONDS)

    def ready(self, queue):
        return self.declared(queue).message_count

    def declared(self, queue):
        return self.admin.queue_declare(queue, passive=True).method

    def unacked(self, queue):
        """As the consumers know it: the broker tells it only by another way, and for a quorum queue seconds later."""
        return sum(self.consumes[consumer] == queue for consumer, _ in self.tags)

    # -- operations --------------------------------------------------------------------------------------------------

    def declare_exchange(self, step):
        self.exchanges.append(step["exchange"])
        self.admin.exchange_declare(step["exchange"], step["type"], durable=True)

    def declare_queue(self, step):
        arguments, durable = step.get("arguments", {}), step.get("durable", True)
        self.queues[step["queue"]] = durable
        self.admin.queue_declare(step["queue"], durable=durable, arguments=arguments)

    def bind(self, step):
        self.admin.queue_bind(step["bind"], step["to"], step.get("key", ""), step.get("arguments", {}))

    def publish(self, step):
        return {"confirms": [self.publish_one(step, name) for name in step["publish"]]}

    def publish_one(self, step, name):
        properties = pika.BasicProperties(message_id=name, delivery_mode=2 if step.get("persistent") else 1)
        if "headers" in step:
            properties.headers = step["headers"]
        if "ttl" in step:
            properties.expiration = str(step["ttl"])
        body = b"." * step.get("bytes", 1)
        try:
            self.publisher.basic_publish(step.get("to", ""), step.get("key", ""), body, properties, mandatory=step.get("mandatory", False))
        except pika.exceptions.NackError:
            return "nack"
        except pika.exceptions.UnroutableError as error:
            # It is raised only if the return was followed by an ack.
            self.returned += [message.properties.message_id for message in error.messages]
        return "ack"

    def subscribe(self, step):
        name, connection = step["subscribe"], self.connection
        if step.get("connection") == "own":
            connection = self.own[name] = self.new_connection()
        channel = connection.channel()
        arguments = {"x-priority": step["priority"]} if "priority" in step else {}
        channel.basic_qos(prefetch_count=step.get("prefetch", 0))
        self.consumers[name], self.consumes[name] = channel, step["queue"]
        channel.basic_consume(step["queue"], lambda *what: self.arrives(name, *what), consumer_tag=name, arguments=arguments)

    def arrives(self, name, _channel, method, properties, _body):
        self.tags[name, properties.message_id] = method.delivery_tag
        self.delivered.setdefault(name, []).append(described(method, properties))

    def settle(self, step):
        for message in step["settle"]:
            holder = step.get("by") or self.holder(message)
            channel, tag, how = self.consumers[holder], self.tags.pop((holder, message)), step["with"]
            if how == "ack":
                channel.basic_ack(tag)
            elif how == "nack":
                channel.basic_nack(tag, requeue=step["requeue"])
            else:
                channel.basic_reject(tag, requeue=step["requeue"])
            # One settled after the other, as the broker sees them.
            self.listen(0)

    def holder(self, message):
        holders = [consumer for consumer, held in self.tags if held == message]
        if len(holders) != 1:
            raise ValueError(f"{message} is held by {holders}: the step must say by whom it is settled")
        return holders[0]

    def cancel(self, step):
        self.consumers[step["cancel"]].basic_cancel(step["cancel"])

    def close(self, step):
        self.consumers.pop(step["close"]).close()
        self.drop_tags(step["close"])

    def lose(self, step):
        """The connection breaks, without a word, and the broker notices."""
        name = step["lose"]
        queue, connection = self.consumes[name], self.own.pop(name)
        del self.consumers[name]
        left = self.declared(queue).consumer_count - 1
        # Pika can only say goodbye, so its socket is taken.
        connection._impl._transport._sock.shutdown(socket.SHUT_RDWR)
        # Of a quorum queue with a single active consumer only that one is counted, so this may wait in vain.
        self.wait_until(lambda: self.declared(queue).consumer_count == left, LOSS_SECONDS)
        self.drop_tags(name)

    def drop_tags(self, lost):
        self.tags = {(consumer, message): tag for (consumer, message), tag in self.tags.items() if consumer != lost}

    def wait(self, step):
        self.connection.sleep(step["wait"] / 1000)

    def restart(self, _step):
        self.own = {}
        self.broker.stop()
        self.forget()
        self.broker.start()
        self.connect()

    def forget(self):
        """What ends with the broker: consumers, and queues that are not durable."""
        self.consumers, self.tags = {}, {}
        self.queues = {queue: True for queue, durable in self.queues.items() if durable}

    def drain(self, step):
        self.subscribe({"subscribe": DRAIN, "queue": step["drain"]})

    def finish_drain(self):
        """Everything that the queue had, in order, acknowledged."""
        drained, channel = self.delivered.pop(DRAIN, []), self.consumers.pop(DRAIN)
        for delivery in drained:
            channel.basic_ack(self.tags.pop((DRAIN, delivery["message"])))
        channel.close()
        return drained

    def count(self, step):
        pass


OPERATIONS = {
    "exchange": Player.declare_exchange,
    "publish": Player.publish,
    "subscribe": Player.subscribe,
    "settle": Player.settle,
    "cancel": Player.cancel,
    "close": Player.close,
    "lose": Player.lose,
    "bind": Player.bind,
    "wait": Player.wait,
    "restart": Player.restart,
    "drain": Player.drain,
    "count": Player.count,
    # Last, since subscribing names a queue as well.
    "queue": Player.declare_queue,
}


def described(method, properties):
    """A delivery; what is not there is left out."""
    told = {"message": properties.message_id}
    if method.redelivered:
        told["redelivered"] = True
    headers = properties.headers or {}
    if "x-death" in headers:
        told["deaths"] = [[death["queue"], death["reason"], death["count"]] for death in headers["x-death"]]
    if "x-delivery-count" in headers:
        told["returns"] = headers["x-delivery-count"]
    return told
