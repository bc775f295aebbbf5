"""Everyday words, beside which the words of a query are judged: does a photo show more clearly what was asked for than
it shows hundreds of other things?
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np

from photosearch.search.query import phrasings

_WORDS = """
person, man, woman, boy, girl, baby, child, old man, old woman, family, couple, crowd, group of friends, bride,
chef, doctor, soldier, police officer, firefighter, musician, dancer, athlete, teacher, student, clown, face, smile,
eye, hand, foot, hair, beard, tattoo, portrait, selfie,
dog, puppy, cat, kitten, horse, pony, cow, calf, sheep, lamb, goat, pig, donkey, rabbit, hamster, mouse, squirrel,
hedgehog, fox, wolf, bear, polar bear, panda, deer, moose, elephant, giraffe, zebra, lion, tiger, leopard, monkey,
gorilla, kangaroo, koala, camel, rhinoceros, hippopotamus, otter, seal, dolphin, whale, shark, fish, goldfish,
octopus, crab, lobster, jellyfish, starfish, seashell, turtle, snake, lizard, crocodile, frog, snail, spider,
butterfly, bee, ant, beetle, dragonfly, ladybird,
bird, duck, goose, swan, chicken, rooster, turkey, peacock, parrot, owl, eagle, gull, pigeon, crow, sparrow, robin,
flamingo, penguin, ostrich, heron, stork,
tree, palm tree, pine tree, forest, leaf, autumn leaves, grass, bush, flower, rose, tulip, sunflower, daisy, orchid,
blossom, bouquet, cactus, fern, moss, mushroom, garden, meadow, field, vineyard, orchard, crop, hay, potted plant,
beach, sand, sea, wave, island, coast, cliff, harbour, lake, river, stream, waterfall, pond, swamp, bridge, dam,
mountain, hill, valley, canyon, desert, dune, volcano, glacier, cave, rock, path, dirt road, snow, ice, iceberg,
rain, fog, storm, lightning, rainbow, cloud, blue sky, sunset, sunrise, sun, moon, stars, night sky, northern
lights, shadow, reflection, fire, smoke, fireworks, underwater,
city, skyline, skyscraper, street, alley, square, market, shop, shop window, supermarket, restaurant, cafe, bar,
hotel, school, classroom, library, museum, hospital, office, factory, warehouse, church, cathedral, mosque, temple,
castle, palace, ruins, tower, lighthouse, windmill, house, cottage, hut, barn, farm, tent, apartment building,
balcony, roof, window, door, gate, fence, brick wall, stairs, fountain, statue, monument, cemetery, park,
playground, swimming pool, zoo, amusement park, stadium, theatre, cinema, concert hall, train station, airport, car
park, petrol station, construction site, crane, tunnel, traffic light, road sign, street lamp, graffiti, flag,
kitchen, living room, bedroom, bathroom, dining room, corridor, cellar, garage, fireplace, sofa, armchair, chair,
table, desk, bed, pillow, blanket, carpet, curtain, lamp, candle, chandelier, mirror, shelf, wardrobe, drawer,
cradle, bathtub, shower, sink, toilet, towel, refrigerator, oven, kettle, toaster, washing machine, vacuum cleaner,
clock, vase, picture frame, Christmas tree,
car, old car, sports car, taxi, truck, van, bus, tram, train, steam engine, underground train, motorcycle, scooter,
bicycle, tractor, excavator, ambulance, fire engine, police car, racing car, airplane, helicopter, hot air balloon,
drone, rocket, ship, sailing boat, motorboat, rowing boat, canoe, ferry, submarine, wheel, steering wheel,
wheelchair, pram, sledge,
bread, sandwich, hamburger, pizza, pasta, rice, soup, salad, steak, sausage, fried egg, cheese, sushi, chips, cake,
birthday cake, biscuit, doughnut, chocolate, ice cream, pancake, fruit, apple, banana, orange, lemon, strawberry,
cherry, grapes, pineapple, watermelon, vegetables, tomato, potato, carrot, pepper, onion, cabbage, pumpkin, nut,
coffee, tea, beer, wine, cocktail, milk, bottle, glass, cup, plate, bowl, knife, fork, spoon, pot, frying pan,
breakfast, barbecue, picnic,
shirt, T-shirt, jacket, coat, suit, dress, skirt, trousers, jeans, shorts, swimsuit, uniform, costume, shoe, boot,
sock, hat, cap, helmet, scarf, glove, tie, belt, sunglasses, glasses, necklace, ring, earring, wrist watch, handbag,
backpack, suitcase, umbrella, mask, crown,
football, basketball, tennis, golf, baseball, volleyball, rugby, ice hockey, boxing, swimming, diving, surfing,
sailing, rowing, fishing, skiing, snowboarding, ice skating, skateboarding, cycling, running, hiking, climbing,
camping, horse riding, yoga, gymnastics, dancing, singing, wedding, birthday party, concert, parade, carnival,
cooking, eating, drinking, reading, writing, painting, working, sleeping, laughing, crying, jumping, kissing,
hugging,
book, newspaper, letter, map, ticket, banknote, coin, receipt, page of text, handwriting, drawing, poster,
photograph, calendar, whiteboard, chart, screenshot, computer, laptop, keyboard, computer mouse, screen, mobile
phone, telephone, camera, television, radio, headphones, loudspeaker, microphone, guitar, piano, violin, drum,
trumpet, flute, ball, balloon, toy, doll, teddy bear, toy train, toy bricks, jigsaw puzzle, playing cards, chess,
dice, gift, basket, box, bag, rope, chain, key, lock, hammer, saw, screwdriver, drill, axe, ladder, shovel, broom,
bucket, scissors, needle, brush, pen, pencil, battery, cable, light bulb, telescope, microscope, medicine, syringe,
skeleton, gun, sword, armour, anchor, barrel
"""


@cache
def words() -> tuple[str, ...]:
    """Some six hundred things, sights and doings that photos show, each of few photos."""
    return tuple(" ".join(word.split()) for word in _WORDS.split(","))


def texts() -> list[str]:
    """What is encoded for them: the phrasings of each word, as for a query."""
    return [text for word in words() for text in phrasings(word)]


def digest() -> str:
    """Changes with the words and with how they are put to the model."""
    return hashlib.sha256("\n".join(texts()).encode()).hexdigest()


def vectors(encoded: np.ndarray) -> np.ndarray:
    """float32 [words, dim], rows of unit length, of the encoded ``texts``, float32 [texts, dim]."""
    rows = encoded.reshape(len(words()), -1, encoded.shape[1]).sum(axis=1)
    return (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)).astype(np.float32)
