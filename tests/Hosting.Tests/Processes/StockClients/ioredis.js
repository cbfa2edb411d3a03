// What an application does with ioredis, as its documentation shows it; prints what came back as JSON.
// Arguments: the ports of the nodes.
const Redis = require('ioredis');

async function main(ports) {
  const seen = {};
  const clients = ports.map((port) => new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: 5 }));
  const [one, two, three] = clients;

  seen.set = await one.set('io:name', 'Ada', 'EX', 100, 'NX');
  seen.taken = await two.set('io:name', 'Grace', 'NX');
  seen.get = await three.get('io:name');
  seen.ttl = (await two.ttl('io:name')) > 90;
  seen.buffer = (await (await one.set('io:bytes', Buffer.from([0, 255, 13, 10])), two.getBuffer('io:bytes'))).toString('hex');
  seen.getex = [await one.getex('io:name', 'PERSIST'), await three.ttl('io:name')];
  seen.incr = await Promise.all(Array.from({ length: 60 }, (_, i) => clients[i % 3].incr('io:count'))).then((all) => all.sort((a, b) => a - b).at(-1));
  seen.pipeline = (await one.pipeline().set('io:p', 1).incrby('io:p', 41).get('io:p').strlen('io:p').exec()).map(([error, result]) => error?.message ?? result);
  seen.multi = (await two.multi().set('{io}a', 'x').append('{io}a', 'y').getset('{io}b', 'z').get('{io}a').exec()).map(([, result]) => result);
  seen.crossslot = await two.multi().set('a', 1).set('b', 1).set('c', 1).set('d', 1).set('e', 1).exec().then(() => 'done', (error) => error.message.split(' ')[0]);

  await one.watch('{io}a');
  await two.set('{io}a', 'changed');
  seen.watched = await one.multi().set('{io}a', 'mine').exec();
  seen.wait = await one.wait(1, 100);
  seen.mset = [await one.mset('{m}1', 'a', '{m}2', 'b'), await three.mget('{m}1', '{m}2', '{m}3')];
  seen.rename = [await one.rename('{m}1', '{m}9'), await two.exists('{m}1', '{m}9'), await three.type('{m}9')];

  await Promise.all(Array.from({ length: 500 }, (_, i) => clients[i % 3].set(`io:scan:${i}`, i)));
  const keys = [];
  for await (const page of two.scanStream({ match: 'io:scan:*', count: 40 })) keys.push(...page);
  seen.scan = [keys.length, new Set(keys).size];
  seen.error = await one.incr('io:name').catch((error) => error.message);
  seen.readonly = [await three.call('READONLY'), await three.get('io:name').then((name) => name === 'Ada' || name === null), await three.call('READWRITE')];
  console.log(JSON.stringify(seen));
  for (const client of clients) client.disconnect();
}

main(process.argv.slice(2).map(Number)).catch((error) => { console.error(error); process.exit(1); });
